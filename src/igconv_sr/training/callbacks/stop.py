"""Saves when a training ends: at its last step, or after the step in progress on Ctrl-C, SIGTERM or SIGUSR1."""

import signal
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from igconv_sr.system.console import say

_STOP = (signal.SIGINT, signal.SIGTERM)
FINISH = signal.SIGUSR1
"""Asks a training to end with the step in progress as if it were the last: its results are written."""


class GracefulStop(Callback):
    """Saves at the last step; on the first signal finishes the step, saves and exits with 128 + the signal's number.

    All ranks stop at the same step, whichever of them got the signal. A second signal ends at once. After the last
    step it would be too late to save: Lightning then replaces the raw weights by their moving average.
    SIGUSR1 makes the step in progress the last one.

    Args:
        checkpoint: Where to save.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.received = 0
        self._saved = -1
        self._previous: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, whose exit status would be 0."""
        # On a cluster SIGUSR1 is Lightning's, which queues the training again.
        own = (*_STOP, FINISH) if signal.getsignal(FINISH) in (signal.SIG_DFL, signal.SIG_IGN) else _STOP
        self._previous = {number: signal.signal(number, self._receive) for number in own}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves at the end of the last optimiser step, and of the one in which a signal came; then exits, if asked to.

        Raises:
            SystemExit: With 130 for Ctrl-C, 143 for SIGTERM.
        """
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        any_rank = partial(trainer.strategy.reduce_boolean_decision, all=False)
        if trainer.global_step == trainer.max_steps or trainer.should_stop:
            self._save(trainer)
            trainer.should_stop = True  # has Lightning validate at the last step too
        elif any_rank(bool(self.received)):
            self._save(trainer)
            if any_rank(self.received in _STOP):
                self._exit(trainer.global_step)
            say(f"\nFinishes at step {trainer.global_step} of {trainer.max_steps}, as asked")
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves where another callback ends the training by what a validation gave."""
        if trainer.should_stop and trainer.global_step != self._saved:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.checkpoint)
        self._saved = trainer.global_step

    def _exit(self, step: int) -> None:
        again = f"make train ckpt_path=last paths.output_dir={self.checkpoint.parents[1]}"
        say(
            f"\nStopped at step {step}. Continue with: {again}\n"
            f"Or write the results of this step:  {again} trainer.max_steps={step}"
        )
        raise SystemExit(128 + (self.received if self.received in _STOP else signal.SIGTERM))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back; a repeated request to finish is being met already."""
        self._restore(but=FINISH)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Gives the signals back."""
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if number in _STOP:
            self._restore(but=FINISH)

    def _restore(self, but: signal.Signals | None = None) -> None:
        for number in [number for number in self._previous if number != but]:
            signal.signal(number, self._previous.pop(number))
