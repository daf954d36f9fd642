"""The moving average of the weights that validation, results and shipped files use."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from igconv_sr.errors import InputError


def moving_average(decay: float | None) -> "MovingAverage | None":
    """The average of a decay; None for none, so that a configuration can have no average.

    Raises:
        InputError: If the decay is out of range.
    """
    return None if decay is None else MovingAverage(decay)


class MovingAverage(WeightAveraging):
    """An exponential moving average whose decay warms up: update n takes min(decay, (1+n)/(10+n)).

    A constant decay keeps decay^n of the random start, 13 % after 2,000 updates at .999, and even .4 % costs half a
    decibel. Warmed up, 200 updates leave less than 1e-14 of it. Updates are optimiser steps, whatever the accumulation;
    their number is saved with the checkpoint. (The rule is that of TensorFlow's ``ExponentialMovingAverage``.)

    Args:
        decay: Its largest value, from 0 up to but not including 1.

    Raises:
        InputError: If the decay is out of range.
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise InputError(f"optim.ema_decay={decay} must be at least 0 and less than 1; null: no average")
        self.decay = decay
        # Averaging buffers would destroy integer ones (Lightning's default).
        super().__init__(use_buffers=False)
        # Of the average, then of the network.
        self._parameters: tuple[list[Tensor], ...] = ([], [])
        self._buffers: tuple[list[Tensor], ...] = ([], [])

    def decay_of(self, update: int) -> float:
        """The decay of an update, counted from 0; the first one copies the weights."""
        return 0.0 if update == 0 else min(self.decay, (1 + update) / (10 + update))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes what there is to average: to go through all modules of a network takes milliseconds."""
        assert self._average_model is not None
        modules = (self._average_model.module, pl_module)
        # What is not saved with the weights is constant.
        saved = [name for name, _ in pl_module.named_buffers() if name in pl_module.state_dict()]
        self._buffers = tuple([module.get_buffer(name) for name in saved] for module in modules)
        self._parameters = tuple(list[Tensor](module.parameters()) for module in modules)

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Updates the average after an optimiser step, without reading anything from the device."""
        if trainer.global_step > self._latest_update_step:
            averaged, current = self._parameters
            torch._foreach_lerp_(averaged, current, 1 - self.decay_of(self._latest_update_step))
            if self._buffers[0]:
                torch._foreach_copy_(self._buffers[0], self._buffers[1])
            self._latest_update_step = trainer.global_step
