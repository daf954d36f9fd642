"""Saves when a training ends: at its last step, or after the step in progress on Ctrl-C, SIGTERM or SIGUSR1."""

import os
import shlex
import signal
import subprocess
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from lightning.pytorch import Callback, LightningModule, Trainer

from igconv_sr.system.console import say

_STOP = (signal.SIGINT, signal.SIGTERM)
FINISH = signal.SIGUSR1
"""Asks a training to end with the step in progress as if it were the last: its results are written."""


class GracefulStop(Callback):
    """Saves at the last step; on the first signal finishes the step, saves and exits with 128 + the signal's number.

    All ranks stop at the same step, whichever of them got the signal or has a callback that ends the training. A second
    signal ends at once. After the last step it would be too late to save: Lightning then replaces the raw weights by
    their moving average. SIGUSR1 makes the step in progress the last one; in a job of Slurm, which sends it before the
    time is over, it stops the training as the other signals do and queues the job again. Lightning would save in the
    midst of a step, into a file that every later evaluation in such a job would take for the weights to load.

    Args:
        checkpoint: Where to save.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self.received = 0
        self._saved = -1
        self._asked = self._is_queued_again = False
        self._previous: dict[signal.Signals, Any] = {}

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, whose exit status would be 0."""
        self._take_over()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Exits where a signal came before the first step.

        Raises:
            SystemExit: As :meth:`on_train_batch_end`.
        """
        self._take_over()  # a continued training is not checked before
        if _any_rank(trainer, self._is_stopped or trainer.received_sigterm):
            say("\nStopped before a step was made")
            self._exit(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves at the end of the last optimiser step, and of the one in which a signal came; then exits, if asked to.

        Raises:
            SystemExit: With 130 for Ctrl-C, 143 for SIGTERM.
        """
        self._asked = self._asked or trainer.should_stop
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            trainer.should_stop = False  # before the step is whole there is nothing to save
            return
        is_last = self._asked or trainer.global_step == trainer.max_steps
        if not _any_rank(trainer, is_last or bool(self.received)):
            return
        self._save(trainer)
        if not _any_rank(trainer, is_last):
            if _any_rank(trainer, self._is_stopped):
                self._say_how_to_continue(trainer)
                self._exit(trainer)
            say(f"\nFinishes at step {trainer.global_step} of {trainer.max_steps}, as asked")
        trainer.should_stop = True  # has Lightning validate at the last step too

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves where another callback ends the training by what a validation gave."""
        if trainer.sanity_checking:
            return
        trainer.should_stop = _any_rank(trainer, trainer.should_stop)
        if trainer.should_stop and trainer.global_step != self._saved:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back; a repeated request to finish is being met already.

        Raises:
            SystemExit: As :meth:`on_train_batch_end`, where a signal came in the last validation.
        """
        self._restore(but=FINISH)
        if _any_rank(trainer, self._is_stopped):
            self._say_how_to_continue(trainer)
            self._exit(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Gives the signals back."""
        self._restore()

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.checkpoint)
        self._saved = trainer.global_step

    def _say_how_to_continue(self, trainer: Trainer) -> None:
        step, folder = trainer.global_step, self.checkpoint.parents[1]
        again = f"make train ckpt_path=last {shlex.quote(f'paths.output_dir={folder}')}"
        say(f"\nStopped at step {step}. Continue with: {again}")
        if step < trainer.max_steps:
            say(f"Or write the results of this step:  {again} trainer.max_steps={step}")

    @property
    def _is_stopped(self) -> bool:
        return self.received in _STOP or (self.received == FINISH and self._is_queued_again)

    def _exit(self, trainer: Trainer) -> NoReturn:
        if _any_rank(trainer, self.received == FINISH and self._is_queued_again) and trainer.is_global_zero:
            _queue_again()
        raise SystemExit(128 + (self.received if self.received in _STOP else signal.SIGTERM))

    def _take_over(self) -> None:
        if not self._previous:
            self._previous = {number: signal.signal(number, self._receive) for number in (*_STOP, FINISH)}
            # Lightning handles it in jobs of Slurm alone.
            self._is_queued_again = self._previous[FINISH] not in (signal.SIG_DFL, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number in _STOP:
            self._restore(but=FINISH)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Lightning's would wait for the end of a step
        if self.received not in _STOP:
            self.received = number

    def _restore(self, but: signal.Signals | None = None) -> None:
        for number in [number for number in self._previous if number != but]:
            signal.signal(number, self._previous.pop(number))


def _queue_again() -> None:
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    job = os.environ["SLURM_JOB_ID"] if array is None else f"{array}_{task}"
    try:
        subprocess.run(["scontrol", "requeue", job], check=True)  # noqa: S603, S607 (Slurm's, wherever it is installed)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"The job is not queued again: {error}")


def _any_rank(trainer: Trainer, decision: bool) -> bool:
    return trainer.strategy.reduce_boolean_decision(decision, all=False)
