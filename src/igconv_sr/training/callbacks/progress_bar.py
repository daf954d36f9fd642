"""Lightning's progress bar, counting to ``max_steps`` although the data never ends."""

import sys
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm


class StepProgress(TQDMProgressBar):
    """Shows loss, PSNR per scale, steps per second and the remaining time, over the whole run.

    Where the output is no terminal a line is written now and then instead of a bar redrawn in place.
    """

    def __init__(self) -> None:
        super().__init__(refresh_rate=1 if sys.stderr.isatty() else 100)
        self._shown: dict[str, int | str | float | dict[str, float]] = {}
        self._logged = 0

    @property
    def total_train_batches(self) -> int:
        """Micro-batches until ``max_steps``."""
        return self.trainer.max_steps * self.trainer.accumulate_grad_batches

    def init_train_tqdm(self) -> Tqdm:
        """The bar, in optimiser steps or, with accumulation, in batches."""
        bar = super().init_train_tqdm()
        bar.unit = "step" if self.trainer.accumulate_grad_batches == 1 else "batch"
        return bar

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        """Starts the bar at the step of the run, so that a resumed run shows the rate of this session."""
        self.train_progress_bar.reset(self.total_train_batches)
        self.train_progress_bar.initial = trainer.global_step * trainer.accumulate_grad_batches
        self.train_progress_bar.set_description("Training")

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Short names: ``loss`` and ``psnr_x2``. They are read when they were logged: reading waits for a GPU."""
        logged = trainer.global_step // trainer.log_every_n_steps  # type: ignore[attr-defined]  # out of mypy's sight
        if logged != self._logged:
            metrics = super().get_metrics(trainer, pl_module)
            metrics.pop("v_num", None)
            short = (
                (name.removeprefix("train/").replace("psnr_rgb", "psnr"), value) for name, value in metrics.items()
            )
            self._shown, self._logged = dict(short), logged
        return self._shown
