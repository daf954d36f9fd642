"""A training in stages is its trainings one after another, by hand, also where it is stopped on the way."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from command_line import TINY, photographs, run, start, succeed
from igconv_sr.runs.results import read_results
from igconv_sr.weights.checkpoint import load

FINETUNE = ("data.lr_patch_size=10", "trainer.max_steps=40", "seed=2")
STAGES = f"stages={{pretrain: ['trainer.max_steps=30', 'data.lr_patch_size=8'], finetune: {list(FINETUNE)}}}"


def options(tmp_path: Path, output: str) -> list[str]:
    if not (tmp_path / "pictures").is_dir():
        photographs(tmp_path / "pictures")
    tiny = [option for option in TINY if not option.startswith("data.lr_patch_size")]
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / output}")
    return ["train", *tiny, *where, "optim.ema_decay=0.5", "trainer.checkpoint_every_n_steps=5"]


def assert_finetuned_by_hand(tmp_path: Path, stages: Path) -> None:
    first = f"weights={stages / 'pretrain' / 'model.safetensors'}"
    succeed(*options(tmp_path, "by_hand"), first, *FINETUNE, cwd=tmp_path)
    expected = weights(tmp_path / "by_hand")
    for key, value in weights(stages).items():
        assert torch.equal(value, expected[key]), key


def weights(folder: Path) -> dict[str, Tensor]:
    return load(folder / "model.safetensors").state_dict()


@pytest.mark.slow
def test_the_second_stage_starts_from_the_averaged_weights_of_the_first(tmp_path: Path) -> None:
    printed = succeed(*options(tmp_path, "run"), STAGES, cwd=tmp_path)
    folder = tmp_path / "run"
    assert printed.splitlines()[-1] == f"Results in {folder}"
    assert f"Starts from the weights of {folder / 'pretrain' / 'model.safetensors'}" in printed
    assert "Steps: 40 of 6 patches of 10×10" in printed
    assert_finetuned_by_hand(tmp_path, folder)
    assert (folder / "results.csv").read_bytes() == (folder / "finetune" / "results.csv").read_bytes()
    again = run(*options(tmp_path, "run"), STAGES, cwd=tmp_path)
    assert "already holds a training; continue it with ckpt_path=last" in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_in_the_second_stage_it_goes_on_there(tmp_path: Path, number: signal.Signals) -> None:
    process = start(*options(tmp_path, "run"), STAGES, cwd=tmp_path)
    deadline = time.monotonic() + 200
    while not (tmp_path / "run" / "finetune" / "checkpoints" / "last.ckpt").is_file():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, number)
    printed, _ = process.communicate(timeout=100)  # a stage whose parent was killed goes on to its end
    assert process.returncode == (143 if number == signal.SIGTERM else -number)
    if number == signal.SIGTERM:
        assert f"All stages continue with: make train ckpt_path=last paths.output_dir={tmp_path / 'run'}" in printed
    printed = succeed("train", "ckpt_path=last", f"paths.output_dir={tmp_path / 'run'}", cwd=tmp_path)
    assert "Stage 1 of 2, pretrain: finished before" in printed
    assert_finetuned_by_hand(tmp_path, tmp_path / "run")


@pytest.mark.slow
def test_after_its_end_it_is_scored_on_further_benchmarks_and_trained_further(tmp_path: Path) -> None:
    photographs(tmp_path / "Other" / "HR", count=2)
    stages = "stages={pretrain: ['trainer.max_steps=2'], finetune: ['trainer.max_steps=3']}"
    folder = tmp_path / "run"
    succeed(*options(tmp_path, "run"), "data.lr_patch_size=8", stages, cwd=tmp_path)
    again = ("train", "ckpt_path=last", f"paths.output_dir={folder}")
    printed = succeed(*again, f"benchmarks=[{tmp_path / 'Other'}]", cwd=tmp_path)
    assert "Stage 1 of 2, pretrain: finished before" in printed
    assert rows_of(folder) == [(benchmark, "3") for benchmark in ("folder", "Other") for _ in range(3)]
    succeed(*again, "trainer.max_steps=4", cwd=tmp_path)
    assert rows_of(folder) == [(benchmark, "4") for benchmark in ("folder", "Other") for _ in range(3)]


def rows_of(folder: Path) -> list[tuple[str, str]]:
    """Benchmark and steps."""
    return [(line.row["benchmark"], line.row["steps"]) for line in read_results(folder)]
