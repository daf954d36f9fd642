"""What is imported before a command does its work, which is what one waits for: seconds for each big library."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from command_line import environment

LIBRARIES = ("torch", "torch._dynamo", "lightning", "torchmetrics", "scipy", "kornia", "matplotlib", "wandb", "skimage")


def imported(folder: Path, code: str) -> set[str]:
    """Which of the big libraries a process has imported in the end."""
    code += f"\nimport json, sys\nprint()\nprint(json.dumps([name for name in {LIBRARIES} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def command(*arguments: str, status: int = 0) -> str:
    """Code that runs a command to its end, which must have that status."""
    return f"""
import sys
from igconv_sr.commands.cli import main
sys.argv = {["igconv-sr", *arguments]}
status = 0
try:
    main()
except SystemExit as stopped:
    status = stopped.code
assert status == {status}
"""


def test_loading_a_network_imports_torch_alone(tmp_path: Path) -> None:
    assert imported(tmp_path, "import igconv_sr; igconv_sr.load('photo-small')") == {"torch"}


def test_upscaling_imports_torch_alone(tmp_path: Path) -> None:
    Image.new("RGB", (12, 9), (200, 30, 60)).save(tmp_path / "a.png")
    assert imported(tmp_path, command("upscale", "a.png")) == {"torch"}
    assert (tmp_path / "a_x2.png").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "modle=edsr"),
        ("train", "model=edsrr"),
        ("train", "trainer.max_stps=3"),
        ("train", "data.scales=[2"),
        ("evaluate", "benchmark=[a]"),
        ("sweep", "model=edsr,smfanet", "upsampler=igcon,spconv"),
        ("report", "run=[a]"),
        ("bench", "onyl=[a]"),
    ],
)
def test_a_misspelt_key_is_refused_before_torch_is_imported(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert imported(tmp_path, command(*arguments, status=1)) == set()
    assert not any(tmp_path.iterdir())
