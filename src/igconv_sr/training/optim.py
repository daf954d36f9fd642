"""The learning-rate schedules of the paper's recipes, as a function of the step, and of the time where that is limited.

torch's own schedulers keep their end in the checkpoint: a run continued with a larger ``max_steps`` would let the
cosine rise again. A function of the step has nothing to keep.
"""

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from igconv_sr.errors import InputError


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
        optimizer: Its learning rate is the highest of the schedule.
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

    return LambdaLR(optimizer, factor)
