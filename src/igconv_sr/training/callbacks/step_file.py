"""Notes the step in a file, for those who watch a training from outside."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from igconv_sr.runs.step_record import StepRecord

_SECONDS = 1.0
"""Time between two writings of the file."""


class StepFile(Callback):
    """Writes a :class:`igconv_sr.runs.step_record.StepRecord` about once a second, and at the last step.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._first_step, self._first_time, self._written = 0, 0.0, 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._first_step, self._first_time = trainer.global_step, time.time()
        self._write(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Writes, if it is time to."""
        if time.time() - self._written >= _SECONDS or _is_last(trainer):
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            self._written = time.time()
            StepRecord(trainer.global_step, trainer.max_steps, self._written, self._first_step, self._first_time).write(
                self.folder
            )


def _is_last(trainer: Trainer) -> bool:
    return trainer.should_stop or trainer.global_step == trainer.max_steps
