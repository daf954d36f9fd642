"""A lock is held by whom it should be, and by nobody who is gone."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from igconv_sr.system.lock import alone, is_locked

START = "import os, subprocess, sys, time; from pathlib import Path; from igconv_sr.system.lock import alone\n"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_second_process_is_refused_and_the_file_goes_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = f"{START}with alone(Path({str(path)!r})): raise KeyError"

    def last_words() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stderr

    with alone(path):
        assert "BlockingIOError" in last_words()
        assert path.exists()
    assert not path.exists()
    assert "BlockingIOError" not in (words := last_words())
    assert "KeyError" in words
    assert not path.exists()


def test_those_who_wait_come_one_after_another(tmp_path: Path) -> None:
    """Though each removes the file for which the next ones wait."""
    path, log = tmp_path / "lock", tmp_path / "log"
    code = (
        f"{START}with alone(Path({str(path)!r}), 'I wait'):\n"
        f"    for word in ('begin', 'end'):\n"
        f"        with open({str(log)!r}, 'a') as file: print(word, file=file)\n"
        "        time.sleep(0.1)"
    )
    with alone(path):
        waiting = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)]
        for process in waiting:
            assert process.stdout is not None
            assert process.stdout.readline() == b"I wait\n"
        assert not log.exists()
    for process in waiting:
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert log.read_text().split() == ["begin", "end"] * 3
    assert not path.exists()


def test_a_program_that_is_lent_the_lock_holds_it_alone(tmp_path: Path) -> None:
    """As where a sweep is killed and its training lives on."""
    path, sleep = tmp_path / "lock", [sys.executable, "-c", "input()"]
    code = (
        f"{START}lent = []\n"
        f"with alone(Path({str(path)!r}), lend=lent.append):\n"
        f"    subprocess.Popen({sleep!r}, pass_fds=lent)\n"
        "    os._exit(0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        assert parent.wait(30) == 0
        assert is_locked(path)
    wait_until(lambda: not is_locked(path))  # the program ends with its input


def test_forked_workers_of_a_killed_process_do_not_hold_its_lock(tmp_path: Path) -> None:
    """As where a training is killed and continued at once."""
    path = tmp_path / "lock"
    code = f"{START}with alone(Path({str(path)!r})):\n    os.write(1, b'%d\\n' % os.fork())\n    sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    # The worker prints 0, once it is a process of its own.
    worker = max(int(process.stdout.readline()) for _ in range(2))
    assert is_locked(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.kill(worker, 0)  # lives
    with alone(path):
        pass
    process.stdin.close()


def test_looking_leaves_no_trace_and_hinders_nobody_who_looks(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    assert not path.exists()
    path.touch()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert not any(pool.imap_unordered(is_locked, [path] * 20_000, chunksize=100))
