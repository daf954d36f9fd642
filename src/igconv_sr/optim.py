"""The learning-rate schedules of the paper's recipes, put together from torch's."""

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, MultiStepLR, SequentialLR

from igconv_sr.errors import InputError


def learning_rate_schedule(
    optimizer: Optimizer,
    max_steps: int,
    warmup_steps: int = 0,
    halve_at: Sequence[int] = (),
    cosine_to: float | None = None,
) -> LRScheduler:
    """Warm-up, then either halvings at given steps or a cosine, counted in optimiser steps.

    Args:
        optimizer: Its learning rate is the highest of the schedule.
        max_steps: Last step of the training, where the cosine ends.
        warmup_steps: Steps in which the rate rises linearly from 1/warmup_steps of its value.
        halve_at: Steps at which the rate is halved.
        cosine_to: Final rate of the cosine.

    Raises:
        InputError: If both halvings and a cosine are asked for, or the warm-up does not end before the training.
    """
    if halve_at and cosine_to is not None:
        raise InputError("optim.scheduler: give either halve_at or cosine_to, not both")
    if warmup_steps >= max_steps:
        raise InputError(f"optim.scheduler.warmup_steps={warmup_steps} must be less than max_steps={max_steps}")
    schedule: LRScheduler
    if cosine_to is None:
        schedule = MultiStepLR(optimizer, [step - warmup_steps for step in halve_at], gamma=0.5)
    else:
        schedule = CosineAnnealingLR(optimizer, max_steps - warmup_steps, eta_min=cosine_to)
    if not warmup_steps:
        return schedule
    warmup = LinearLR(optimizer, 1 / warmup_steps, total_iters=warmup_steps - 1 or 1)
    return SequentialLR(optimizer, [warmup, schedule], milestones=[warmup_steps])
