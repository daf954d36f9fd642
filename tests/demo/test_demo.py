"""igconv-sr demo as a process: what it prints, and how it ends."""

import http.client
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from command_line import start
from demo_server import as_png, smooth
from igconv_sr.demo.demo import main
from igconv_sr.errors import InputError
from saved_models import save_model


def test_it_says_where_it_is_and_ends_amid_its_work(tmp_path: Path) -> None:
    save_model(tmp_path / "small.safetensors")
    process = start("demo", "--port", "0", "--device", "cpu", "--weights", "small.safetensors", cwd=tmp_path)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Open http://127.0.0.1:"), process.communicate()
    server = http.client.HTTPConnection(urlsplit(line.split()[1]).netloc, timeout=60)
    server.request("GET", "/")
    page = server.getresponse().read().decode()
    assert "<strong>small</strong> (edsr + igconv," in page
    large = as_png(smooth(1000, 1000))
    server.request("POST", "/model?scale=7", large)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.getresponse)
        with pytest.raises(TimeoutError):  # it is at work
            answer.result(timeout=1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert isinstance(answer.exception(timeout=60), ConnectionError)
    assert (process.returncode, out, err) == (0, "Ended\n", "")


def test_it_ends_well_amid_code_that_is_made_on_the_way() -> None:
    """Python remembers a KeyboardInterrupt that passes through ``exec``, as in imports of torch, and exits with 130."""
    code = """
import signal, torch
from igconv_sr.demo.demo import serve
from igconv_sr.demo.server import DemoServer, Facts
from igconv_sr.demo.studio import Studio
from igconv_sr.network import Bicubic

class Importing(Studio):
    def work(self):
        exec("signal.raise_signal(signal.SIGTERM)")

class SecondSignal(DemoServer):
    def shutdown(self):
        signal.raise_signal(signal.SIGINT)
        super().shutdown()

serve(SecondSignal(0, Facts("", "", [], 0, ""), Importing(Bicubic(), torch.device("cpu"))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[1:], done.stderr) == (0, ["Ended"], "")


@pytest.mark.slow
def test_without_weights_it_says_which_it_takes(tmp_path: Path) -> None:
    process = start("demo", "--port", "0", "--device", "cpu", cwd=tmp_path)
    assert process.stdout is not None
    line, address = process.stdout.readline(), process.stdout.readline()
    assert line.startswith("Model photo-small: the default on a CPU, where photo is better"), process.communicate()
    server = http.client.HTTPConnection(urlsplit(address.split()[1]).netloc, timeout=60)
    server.request("GET", "/")
    assert "<strong>photo-small</strong> (edsr_small + igconv_plus," in server.getresponse().read().decode()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("port", ["65536", "-1", "any"])
def test_ports_that_cannot_be(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([f"--port={port}"])
    assert stopped.value.code == 2
    assert f"'{port}' is not a port, a number from 0 to 65535" in capsys.readouterr().err


def test_weights_that_are_not_there() -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        main(["--weights", "nowhere"])
