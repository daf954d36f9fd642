"""Learning rates against their closed formulas, step by step."""

import math
from typing import Any

import pytest
import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import LRScheduler

from igconv_sr.errors import InputError
from igconv_sr.training.optim import learning_rate_schedule

PEAK, LAST = 2e-3, 24


def start(**options: Any) -> tuple[Adam, LRScheduler]:
    optimizer = Adam([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    return optimizer, learning_rate_schedule(optimizer, LAST, **options)


def rates(optimizer: Adam, scheduler: LRScheduler, steps: int) -> list[float]:
    """The rate that each of the next steps is made with."""
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def formula(step: int, warmup_steps: int = 0, halve_at: Any = (), cosine_to: float | None = None) -> float:
    if step < warmup_steps:
        return PEAK * (step + 1) / warmup_steps
    if cosine_to is None:
        return PEAK * 0.5 ** sum(halving <= step for halving in halve_at)
    progress = (step - warmup_steps) / (LAST - warmup_steps)
    return cosine_to + (PEAK - cosine_to) * (1 + math.cos(math.pi * progress)) / 2


@pytest.mark.parametrize("warmup_steps", [0, 1, 2, 7])
@pytest.mark.parametrize(
    "shape",
    [{}, {"halve_at": [10]}, {"halve_at": [9, 15, 16]}, {"halve_at": [7, 8]}, {"cosine_to": 1e-6}, {"cosine_to": 0.0}],
    ids=str,
)
def test_rates_are_the_formula(warmup_steps: int, shape: dict[str, Any]) -> None:
    options = {"warmup_steps": warmup_steps, **shape}
    expected = [formula(step, **options) for step in range(LAST)]
    assert rates(*start(**options), LAST) == pytest.approx(expected, rel=1e-9)


def test_the_cosine_ends_at_its_final_rate() -> None:
    optimizer, scheduler = start(cosine_to=1e-6)
    rates(optimizer, scheduler, LAST)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-6, rel=1e-9)


@pytest.mark.parametrize("at", [3, 7, 12])
@pytest.mark.parametrize("shape", [{"halve_at": [9, 15]}, {"cosine_to": 1e-6}], ids=str)
def test_a_schedule_continues_where_it_was_saved(at: int, shape: dict[str, Any]) -> None:
    whole = rates(*start(warmup_steps=7, **shape), LAST)
    optimizer, scheduler = start(warmup_steps=7, **shape)
    rates(optimizer, scheduler, at)
    again, continued = start(warmup_steps=7, **shape)
    again.load_state_dict(optimizer.state_dict())
    continued.load_state_dict(scheduler.state_dict())
    assert rates(again, continued, LAST - at) == whole[at:]


def test_halvings_and_a_cosine_exclude_each_other() -> None:
    with pytest.raises(InputError, match="either halve_at or cosine_to"):
        start(halve_at=[3], cosine_to=0.0)


@pytest.mark.parametrize("warmup_steps", [LAST, LAST + 5])
def test_a_warm_up_as_long_as_the_training_is_refused(warmup_steps: int) -> None:
    with pytest.raises(InputError, match=f"warmup_steps={warmup_steps} must be less than max_steps={LAST}"):
        start(warmup_steps=warmup_steps)


def test_a_halving_inside_the_warm_up_is_not_lost() -> None:
    """Either it is refused, or the rate after the warm-up is half."""
    try:
        after = rates(*start(warmup_steps=7, halve_at=[5]), 10)[-1]
    except InputError:
        return
    assert after == pytest.approx(PEAK / 2)


def test_a_longer_run_stretches_the_cosine() -> None:
    """What a checkpoint keeps of the schedule must not bring back the old end."""
    short, long = (torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3) for _ in range(2))
    saved = learning_rate_schedule(short, max_steps=10, cosine_to=0.0).state_dict()
    schedule = learning_rate_schedule(long, max_steps=40, cosine_to=0.0)
    schedule.load_state_dict(saved)
    for _ in range(20):
        long.step()
        schedule.step()
    assert long.param_groups[0]["lr"] == pytest.approx(0.5e-3)
