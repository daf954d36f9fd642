"""Rows of logs hold values of their own step."""

import csv
import signal
from pathlib import Path

from command_line import TINY, photographs, run, succeed
from igconv_sr.data.batches.schedule import row_scales

OWN = """
import os, signal
from lightning.pytorch import Callback

class SignalAtStep(Callback):
    def __init__(self, step, number):
        self.step, self.number = step, number

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            os.kill(os.getpid(), self.number)
"""


def options(tmp_path: Path, *more: str) -> list[str]:
    photographs(tmp_path / "pictures")
    (tmp_path / "own.py").write_text(OWN)
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}")
    return ["train", *TINY, *where, "trainer.val_check_interval=100", *more]


def logged(tmp_path: Path, column: str, version: int = 0) -> dict[int, float]:
    with (tmp_path / "run" / "metrics" / f"version_{version}" / "metrics.csv").open(newline="") as file:
        return {int(row["step"]): float(row[column]) for row in csv.DictReader(file) if row[column]}


def test_a_scale_is_logged_where_the_step_holds_it(tmp_path: Path) -> None:
    more = ("data.scale_schedule=synchronised", "trainer.max_steps=7", "trainer.log_every_n_steps=1")
    succeed(*options(tmp_path, *more), cwd=tmp_path)
    assert len(logged(tmp_path, "train/loss")) == 7
    for scale in (2, 3, 4):
        own = {step for step in range(7) if scale in row_scales("synchronised", (2, 3, 4), 0, step, 6, 1)}
        assert logged(tmp_path, f"train/psnr_rgb_x{scale}").keys() == own


def test_micro_batches_of_a_step_are_logged_together(tmp_path: Path) -> None:
    more = ("data.max_batch_per_device=1", "trainer.max_steps=3", "trainer.log_every_n_steps=1")
    succeed(*options(tmp_path, *more, "data.global_batch_size=3"), cwd=tmp_path)
    for scale in (2, 3, 4):
        assert logged(tmp_path, f"train/l1_x{scale}").keys() == {0, 1, 2}


def test_the_last_step_does_not_repeat_what_was_logged_before(tmp_path: Path) -> None:
    finish = f"+callbacks.own={{_target_: own.SignalAtStep, step: 5, number: {int(signal.SIGUSR1)}}}"
    more = ("trainer.max_steps=9", "trainer.log_every_n_steps=4", finish)
    succeed(*options(tmp_path, *more), cwd=tmp_path)
    assert logged(tmp_path, "train/loss").keys() == {3}  # of the steps 0 to 5
    assert logged(tmp_path, "train/steps_x2").keys() == {3}


def test_a_continued_training_logs_each_rate_at_its_step(tmp_path: Path) -> None:
    kill = f"+callbacks.own={{_target_: own.SignalAtStep, step: 3, number: {int(signal.SIGKILL)}}}"
    more = ("trainer.max_steps=6", "trainer.log_every_n_steps=2", "trainer.checkpoint_every_n_steps=2")
    rising = ("optim.scheduler.cosine_to=null", "optim.scheduler.warmup_steps=5")
    done = run(*options(tmp_path, *more, *rising, kill), cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    succeed("train", "ckpt_path=last", f"paths.output_dir={tmp_path / 'run'}", "~callbacks.own", cwd=tmp_path)
    assert logged(tmp_path, "lr-Adam", version=1) == {3: 2e-3 * 4 / 5, 5: 2e-3}
