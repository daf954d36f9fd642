"""Keeps in every checkpoint what it was trained with, and puts a continued training at the rate asked for now."""

import json
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim.lr_scheduler import LambdaLR

SETTINGS_KEY = "igconv_sr_settings"
"""The key under which a checkpoint keeps what it was trained with."""


class TrainingSettings(Callback):
    """Keeps the settings in every checkpoint, and holds a continued training to its learning rate as asked for now.

    Optimiser and schedule come out of a checkpoint with the rate that they had. Where the schedule is a function of the
    step alone, as :func:`igconv_sr.optim.learning_rate_schedule` is, it starts from the configured rate instead.

    Args:
        settings: Of the training.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self._base_rates: list[list[float]] = []

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds the settings."""
        checkpoint[SETTINGS_KEY] = json.dumps(self.settings)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes the configured rates, before a checkpoint's come over them."""
        self._base_rates = [[float(rate) for rate in one.scheduler.base_lrs] for one in trainer.lr_scheduler_configs]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts the rates at their place in the schedule; where they are as before, nothing changes by a bit."""
        for one, rates in zip(trainer.lr_scheduler_configs, self._base_rates, strict=True):
            if isinstance(one.scheduler, LambdaLR):
                _set_rates(one.scheduler, rates)


def _set_rates(scheduler: LambdaLR, base_rates: list[float]) -> None:
    now = [rate * factor(scheduler.last_epoch) for rate, factor in zip(base_rates, scheduler.lr_lambdas, strict=True)]
    scheduler.load_state_dict({**scheduler.state_dict(), "base_lrs": base_rates, "_last_lr": now})
    for group, base_rate, rate in zip(scheduler.optimizer.param_groups, base_rates, now, strict=True):
        group.update(initial_lr=base_rate, lr=rate)
