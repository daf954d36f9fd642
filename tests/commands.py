"""Runs the commands as a user does: in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

TINY = (
    "data=folder",
    "model.num_feat=4",
    "model.num_block=1",
    "upsampler_size.hidden_dim=8",
    "upsampler_size.num_layers=1",
    "upsampler_size.sample_hidden_dim=4",
    "upsampler_size.sample_num_layers=1",
    "data.lr_patch_size=8",
    "data.global_batch_size=6",
    "data.num_workers=0",
    "trainer.accelerator=cpu",
)
"""Options of a training whose steps take milliseconds; data.root is still to be given."""


def photographs(folder: Path, count: int = 3, side: int = 64) -> Path:
    """Writes smooth random pictures."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"picture{number}.png")
    return folder


def environment(threads: int = 1) -> dict[str, str]:
    """One thread each, so that processes do not wait for each other; no account of anybody's."""
    kept = {key: value for key, value in os.environ.items() if key not in ("IGCONV_SR_RUN", "WANDB_API_KEY")}
    return kept | {"OMP_NUM_THREADS": str(threads), "WANDB_SILENT": "true"}


def start(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    """Starts ``igconv-sr`` without waiting for it."""
    command = [sys.executable, "-m", "igconv_sr", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Runs ``igconv-sr`` to its end, whatever that is."""
    process = start(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def succeed(*arguments: str, cwd: Path) -> str:
    """Runs ``igconv-sr``, which must end well; returns what it printed."""
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def error_line(arguments: Sequence[str], cwd: Path) -> str:
    """The one line of a command that must fail by the user's fault."""
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("igconv-sr: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]
