"""Has what is logged belong to the optimiser step that it is logged at."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class LoggedSteps(Callback):
    """Sets the step of the loggers, and forgets values of earlier steps, which Lightning would write once more.

    A batch need not hold every scale, and where a training ends its last step is logged whether it is one to log or
    not. Stands before all callbacks that log.
    """

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Sets the step, also where Lightning has counted a validation in between or has just been continued."""
        loop = trainer.fit_loop.epoch_loop
        loop._batches_that_stepped = trainer.global_step
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set out of mypy's sight
        if trainer.global_step % every == 0 and batch_idx % trainer.accumulate_grad_batches == 0:
            for result in loop._results.values():
                if not result.meta.on_epoch:
                    result.reset()
