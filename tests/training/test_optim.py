"""Learning rates against their closed formulas, step by step."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import LRScheduler

from igconv_sr.encoders import EDSR
from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.training.optim import learning_rate_schedule, optimizer_of
from igconv_sr.upsamplers import IGConv

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


def small() -> SRNet:
    torch.manual_seed(0)
    return SRNet(EDSR(4, 1), partial(IGConv, hidden_dim=8, num_layers=1), (2, 3))


def train(net: SRNet, steps: int, **encoder: Any) -> list[tuple[bool, bool]]:
    """Per step, whether a weight of the encoder and of the upsampler changed."""
    optimizer = optimizer_of(net, partial(Adam, lr=PEAK), **encoder)
    scheduler = learning_rate_schedule(optimizer, LAST, cosine_to=1e-6)
    changed = []
    for _ in range(steps):
        before = {name: weight.clone() for name, weight in net.named_parameters()}
        optimizer.zero_grad()
        net(torch.rand(1, 3, 8, 8), 2).square().mean().backward()
        optimizer.step()
        scheduler.step()
        moved = {name.partition(".")[0] for name, weight in net.named_parameters() if not weight.equal(before[name])}
        changed.append(("encoder" in moved, "upsampler" in moved))
    return changed


def test_a_frozen_encoder_keeps_still_for_its_steps_and_then_learns() -> None:
    assert train(small(), 5, encoder_frozen_steps=3) == [(False, True)] * 3 + [(True, True)] * 2


def test_the_encoder_has_a_rate_of_its_own_all_along_the_schedule() -> None:
    net = small()
    optimizer = optimizer_of(net, partial(Adam, lr=PEAK), encoder_lr_factor=0.25)
    scheduler = learning_rate_schedule(optimizer, LAST, cosine_to=1e-6)
    others, encoder = optimizer.param_groups
    assert {id(weight) for weight in encoder["params"]} == {id(weight) for weight in net.encoder.parameters()}
    assert len(others["params"]) + len(encoder["params"]) == len(list(net.parameters()))
    for step in range(LAST):
        assert others["lr"] == pytest.approx(formula(step, cosine_to=1e-6), rel=1e-9)
        assert encoder["lr"] == pytest.approx(others["lr"] / 4, rel=1e-9)
        optimizer.step()
        scheduler.step()


def test_without_either_all_weights_are_one_group_as_checkpoints_have_it() -> None:
    net = small()
    (group,) = optimizer_of(net, partial(Adam, lr=PEAK)).param_groups
    assert [id(weight) for weight in group["params"]] == [id(weight) for weight in net.parameters()]
