"""Counts the optimiser steps in which each scale took part, and logs the counts."""

from collections import Counter
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from igconv_sr.data import Batch
from igconv_sr.runs.logged_names import train_score
from igconv_sr.scale import plain_scale


class ScaleSteps(Callback):
    """Logs ``train/steps_x2`` and so on; the counts are saved with the checkpoint."""

    def __init__(self) -> None:
        self.steps: Counter[float] = Counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Counts the scales of a step, whichever device and micro-batch had them; logs where the loggers write."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]  # set out of mypy's sight
        self.steps.update(data.scales_at(trainer.global_step - 1))
        if trainer.global_step % trainer.log_every_n_steps:  # type: ignore[attr-defined]  # set out of mypy's sight
            return
        for scale, steps in sorted(self.steps.items()):
            pl_module.log(train_score("steps", scale), float(steps), rank_zero_only=True)

    def state_dict(self) -> dict[str, Any]:
        """The counts."""
        return {str(scale): steps for scale, steps in self.steps.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        self.steps = Counter({plain_scale(float(scale)): steps for scale, steps in state_dict.items()})
