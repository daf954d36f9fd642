"""Runs the commands as a user does: in processes of their own."""

import os
import subprocess
import sys
import time
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


def start(*arguments: str, cwd: Path, threads: int = 1) -> "subprocess.Popen[str]":
    """Starts ``igconv-sr`` without waiting for it."""
    command = [sys.executable, "-m", "igconv_sr", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(threads), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    """Waits until a started process has made a file."""
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run(*arguments: str, cwd: Path, threads: int = 1, limit: float = 300) -> "subprocess.CompletedProcess[str]":
    """Runs ``igconv-sr`` to its end, whatever that is, for at most ``limit`` seconds."""
    process = start(*arguments, cwd=cwd, threads=threads)
    out, err = process.communicate(timeout=limit)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def succeed(*arguments: str, cwd: Path, threads: int = 1, limit: float = 300) -> str:
    """Runs ``igconv-sr``, which must end well; returns what it printed."""
    done = run(*arguments, cwd=cwd, threads=threads, limit=limit)
    assert done.returncode == 0, done.stderr
    return done.stdout
