"""Saves when a training ends: at its last step, or on Ctrl-C or SIGTERM after the step in progress."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from igconv_sr.console import say

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class GracefulStop(Callback):
    """Saves at the last step; on the first signal finishes the step, saves and exits with 128 + the signal's number.

    All ranks stop at the same step, whichever of them got the signal. A second signal ends at once. After the last
    step it would be too late to save: Lightning then replaces the raw weights by their moving average.

    Args:
        checkpoint: Where to save.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.received = 0
        self._previous: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, whose exit status would be 0."""
        self._previous = {number: signal.signal(number, self._receive) for number in _SIGNALS}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves at the end of the last optimiser step, and of the one in which a signal came; then exits.

        Raises:
            SystemExit: With 130 for Ctrl-C, 143 for SIGTERM.
        """
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        if trainer.global_step == trainer.max_steps:
            trainer.save_checkpoint(self.checkpoint)
        elif trainer.strategy.reduce_boolean_decision(bool(self.received), all=False):
            trainer.save_checkpoint(self.checkpoint)
            say(
                f"\nStopped at step {trainer.global_step}. Continue with: "
                f"make train ckpt_path=last paths.output_dir={self.checkpoint.parents[1]}"
            )
            raise SystemExit(128 + (self.received or signal.SIGTERM))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back."""
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Gives the signals back."""
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
