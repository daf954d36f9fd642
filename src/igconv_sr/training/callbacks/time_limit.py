"""Ends a training when its time is over, and tells its schedule how much of it has gone by."""

from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

from igconv_sr.errors import InputError

_STEPS = 10
"""Optimiser steps between two looks at the clock, where several ranks have to agree on it."""


class TimeLimit(Timer):
    """Lightning's timer, of which all ranks see the same time.

    The time runs from the first step on, validations included; that of the parts of a continued training adds up.

    Args:
        duration: ``DD:HH:MM:SS``.

    Raises:
        InputError: If the duration is no such text.
    """

    def __init__(self, duration: Any) -> None:
        if not isinstance(duration, str):  # but what a configuration may hold
            raise _malformed(duration)
        try:
            super().__init__(duration, verbose=False)
            self._seconds = self.time_remaining() or 0.0
        except (MisconfigurationException, ValueError) as error:
            raise _malformed(duration) from error
        if self._seconds <= 0:
            raise _malformed(duration)
        self._share = 0.0

    def share(self) -> float:
        """How much of the time has gone by, from 0 to 1, the same on all ranks."""
        return self._share

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock, where a continued training left it."""
        super().on_train_start(trainer, pl_module)
        self._look(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ends the training with the optimiser step in which the time is over."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        if trainer.world_size == 1 or trainer.global_step % _STEPS == 0:
            self._look(trainer)
        trainer.should_stop = trainer.should_stop or self._share >= 1

    def _look(self, trainer: Trainer) -> None:
        self._share = trainer.strategy.broadcast(min(self.time_elapsed() / self._seconds, 1.0))


def _malformed(duration: object) -> InputError:
    return InputError(f"trainer.max_time={duration} must be days, hours, minutes and seconds, such as 00:07:30:00")
