"""The learning-rate schedules of the paper's recipes, as a function of the step, and of the time where that is limited.

torch's own schedulers keep their end in the checkpoint: a run continued with a larger ``max_steps`` would let the
cosine rise again. A function of the step has nothing to keep.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet

_FROZEN = "frozen_steps"
"""Key of a parameter group of the optimiser: the number of steps for which its rate is 0."""


def optimizer_of(
    net: SRNet,
    optimizer: Callable[[Any], Optimizer],
    encoder_lr_factor: float | None = None,
    encoder_frozen_steps: int | None = None,
) -> Optimizer:
    """An optimiser of all weights, in which the encoder may have a rate of its own.

    Args:
        net: The network.
        optimizer: Called with parameters or groups of them.
        encoder_lr_factor: The encoder's rate as a multiple of the others'; None for the same.
        encoder_frozen_steps: Steps for which the encoder's weights stay as they are; None for none. They are those of
            :func:`learning_rate_schedule`.
    """
    if encoder_lr_factor is None and encoder_frozen_steps is None:
        return optimizer(net.parameters())
    factor, frozen = (1.0 if encoder_lr_factor is None else encoder_lr_factor), encoder_frozen_steps or 0
    encoder = list(net.encoder.parameters())
    own = {id(weight) for weight in encoder}
    others = [weight for weight in net.parameters() if id(weight) not in own]
    made = optimizer([{"params": others}, {"params": encoder, _FROZEN: frozen}])
    made.param_groups[1]["lr"] *= factor
    return made


def learning_rate_schedule(
    optimizer: Optimizer,
    max_steps: int,
    warmup_steps: int = 0,
    halve_at: Sequence[int] = (),
    cosine_to: float | None = None,
    time_gone: Callable[[], float] = lambda: 0.0,
) -> LambdaLR:
    """Warm-up, then either halvings at given steps or a cosine, counted in optimiser steps.

    Args:
        optimizer: Its learning rate is the highest of the schedule. A group of it may stay at 0 for some steps, see
            :func:`optimizer_of`.
        max_steps: Last step of the training, where the cosine ends.
        warmup_steps: Steps in which the rate rises linearly from 1/warmup_steps of its value.
        halve_at: Steps at which the rate is halved.
        cosine_to: Final rate of the cosine.
        time_gone: Where the time is limited too, the share of it that has gone by, from 0 to 1. Once that is ahead of
            the steps, halvings and cosine follow it, so that they end with the time.

    Raises:
        InputError: If both halvings and a cosine are asked for, the warm-up does not end before the training, or the
            rate is not above 0.
    """
    if halve_at and cosine_to is not None:
        raise InputError("optim.scheduler: give either halve_at or cosine_to, not both")
    if warmup_steps >= max_steps:
        raise InputError(f"optim.scheduler.warmup_steps={warmup_steps} must be less than max_steps={max_steps}")
    if not (rate := optimizer.param_groups[0]["lr"]) > 0:
        raise InputError(f"optim.optimizer.lr={rate} must be above 0")
    last: float | None = None if cosine_to is None else cosine_to / rate

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        position = max(step, time_gone() * max_steps)
        if last is None:
            return math.pow(0.5, sum(position >= halving for halving in halve_at))
        done = min((position - warmup_steps) / (max_steps - warmup_steps), 1)
        return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2

    def of_group(frozen: int) -> Callable[[int], float]:
        return lambda step: factor(step) if step >= frozen else 0.0

    return LambdaLR(optimizer, [of_group(group.get(_FROZEN, 0)) for group in optimizer.param_groups])
