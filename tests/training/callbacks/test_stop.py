"""Signals outside of the steps, and callbacks of one's own that end a training: nothing is lost, and no rank waits."""

import csv
import os
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from command_line import TINY, photographs, run, succeed

OWN = """
import os, signal
from lightning.pytorch import Callback

class SignalInValidation(Callback):
    def __init__(self, sanity_check=False, times=1, step=4):
        self.sanity_check, self.left, self.step = sanity_check, times, step

    def on_validation_batch_start(self, trainer, *_):
        wanted = trainer.sanity_checking if self.sanity_check else trainer.global_step == self.step
        if wanted and self.left:
            self.left -= 1
            os.kill(os.getpid(), signal.SIGTERM)

class Finish(Callback):
    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 1:
            os.kill(os.getpid(), signal.SIGUSR1)

class Stop(Callback):
    def __init__(self, micro_batch):
        self.micro_batch = micro_batch

    def on_train_start(self, trainer, _):
        trainer.should_stop = self.micro_batch < 0

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if batch_idx == self.micro_batch and trainer.global_rank == 0:
            trainer.should_stop = True
"""


def options(tmp_path: Path, callback: str, *more: str) -> list[str]:
    photographs(tmp_path / "pictures")
    (tmp_path / "own.py").write_text(OWN)
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'a run'}", "trainer.max_steps=4")
    return ["train", *more, *TINY, *where, "optim.ema_decay=0.9", f"+callbacks.own={{_target_: own.{callback}}}"]


def last(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(tmp_path / "a run" / "checkpoints" / "last.ckpt", weights_only=True)
    return found


def test_a_signal_in_the_last_validation_stops_before_the_results_which_follow_later(tmp_path: Path) -> None:
    done = run(*options(tmp_path, "SignalInValidation"), cwd=tmp_path)
    assert done.returncode == 143, done.stderr
    assert not (tmp_path / "a run" / "results.csv").exists()
    again = f"make train ckpt_path=last 'paths.output_dir={tmp_path / 'a run'}'"
    assert f"Stopped at step 4. Continue with: {again}\n" in done.stdout
    assert "Or write the results" not in done.stdout
    assert last(tmp_path)["global_step"] == 4
    printed = succeed("train", "ckpt_path=last", f"paths.output_dir={tmp_path / 'a run'}", cwd=tmp_path)
    assert "Nothing is left to train" in printed
    assert (tmp_path / "a run" / "results.csv").exists()


def test_stopped_while_it_warms_up_a_training_has_results_as_it_says(tmp_path: Path) -> None:
    more = ("trainer.max_steps=60", "optim.scheduler.warmup_steps=50", "trainer.val_check_interval=2")
    done = run(*options(tmp_path, "SignalInValidation, step: 2"), *more, cwd=tmp_path)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Or write the results of this step:")]
    printed = succeed(*shlex.split(line.partition("make ")[2]), cwd=tmp_path)
    assert printed.splitlines()[-1] == f"Results in {tmp_path / 'a run'}"


def test_the_validation_in_which_a_training_was_killed_follows_when_it_goes_on(tmp_path: Path) -> None:
    more = ("trainer.val_check_interval=2", "trainer.checkpoint_every_n_steps=1", "trainer.log_every_n_steps=1")
    # The second signal, in the second image, ends it at once.
    done = run(*options(tmp_path, "SignalInValidation, step: 2, times: 2"), *more, cwd=tmp_path)
    assert done.returncode == -signal.SIGTERM
    assert last(tmp_path)["global_step"] == 2
    folder = tmp_path / "a run"
    succeed("train", "ckpt_path=last", f"paths.output_dir={folder}", "~callbacks.own", cwd=tmp_path)
    with (folder / "metrics" / "version_1" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    # The steps are counted from 0.
    assert [int(row["step"]) for row in rows if row["valid/psnr_y_mean"]] == [1, 3]
    assert [int(row["step"]) for row in rows if row["train/loss"]] == [2, 3]


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    done = run(*options(tmp_path, "SignalInValidation, times: 2"), cwd=tmp_path)
    assert done.returncode == -signal.SIGTERM
    assert "Stopped at step" not in done.stdout


def test_a_signal_before_the_first_step_stops_there_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(*options(tmp_path, "SignalInValidation, sanity_check: true"), cwd=tmp_path)
    assert done.returncode == 143, done.stderr
    assert "Stopped before a step was made" in done.stdout
    assert not list((tmp_path / "a run").glob("*"))


@pytest.mark.parametrize(
    ("ranks", "rows", "micro_batch", "micro_batches"),
    [(1, 3, 2, 4), pytest.param(2, 1, 1, 3, marks=pytest.mark.slow)],  # of 2 and 3 to a step
)
def test_one_rank_that_asks_within_a_step_ends_all_with_the_whole_step(
    tmp_path: Path, ranks: int, rows: int, micro_batch: int, micro_batches: int
) -> None:
    given = options(tmp_path, f"Stop, micro_batch: {micro_batch}", *(("trainer=ddp",) if ranks == 2 else ()))
    several = (f"trainer.devices={ranks}", f"data.max_batch_per_device={rows}")
    printed = succeed(*given, *several, cwd=tmp_path, limit=200)
    state = last(tmp_path)
    batches = state["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
    assert (batches["processed"], state["global_step"]) == (micro_batches, micro_batches * rows * ranks // 6)
    assert printed.splitlines()[-1] == f"Results in {tmp_path / 'a run'}"


def test_a_training_that_is_ended_before_its_first_step_has_nothing_to_score(tmp_path: Path) -> None:
    done = run(*options(tmp_path, "Stop, micro_batch: -1"), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("igconv-sr: no step was made, so that there is nothing to score")
    assert not list((tmp_path / "a run").glob("*"))


def test_a_job_of_slurm_is_queued_again_and_its_training_ends_well_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "scontrol").write_text(f"#!/bin/sh\necho $@ >> {tmp_path / 'asked'}\n")
    (commands / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    slurm = {"NTASKS": 1, "NTASKS_PER_NODE": 1, "NNODES": 1, "PROCID": 0, "LOCALID": 0, "NODEID": 0, "JOB_ID": 7}
    for name, value in (slurm | {"JOB_NAME": "train", "NODELIST": "localhost"}).items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    done = run(*options(tmp_path, "Finish"), cwd=tmp_path)
    assert done.returncode == 143, done.stderr
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    assert last(tmp_path)["global_step"] == 2
    again = (f"paths.output_dir={tmp_path / 'a run'}", "trainer.max_steps=4", "~callbacks.own")
    printed = succeed("train", "ckpt_path=last", *again, cwd=tmp_path)
    assert printed.splitlines()[-1] == f"Results in {tmp_path / 'a run'}"
