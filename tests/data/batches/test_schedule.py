"""Every schedule gives every scale its exact share, on each rank."""

from collections import Counter

import numpy as np
import pytest

from igconv_sr.data.batches.schedule import ScaleSchedule, row_scales

SCHEDULES: list[ScaleSchedule] = ["all", "synchronised", "per_rank"]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("scales", [(2,), (2, 3, 4), (2, 3, 4, 8)], ids=str)
@pytest.mark.parametrize(("rows", "micro_batches"), [(16, 4), (6, 1), (4, 4), (10, 2), (1, 1)])
def test_every_micro_batch_sees_every_scale_equally_often(
    schedule: ScaleSchedule, scales: tuple[int, ...], rows: int, micro_batches: int
) -> None:
    """Also where the rows of a micro-batch are no multiple of the number of scales."""
    blocks = 3
    steps = range(5 * len(scales), (5 + blocks) * len(scales))
    batches = np.stack([row_scales(schedule, scales, 7, step, rows, micro_batches) for step in steps])
    assert batches.shape == (len(steps), rows)
    for part in np.split(batches, micro_batches, axis=1):
        counts = Counter(part.flatten().tolist())
        assert counts == dict.fromkeys(scales, blocks * rows // micro_batches)


@pytest.mark.parametrize("start", [0, 1, 2, 1234567])
@pytest.mark.parametrize(("first", "last"), [(0, 16), (4, 8), (3, 8), (15, 16)])
def test_all_is_exact_for_any_window_of_rows_from_any_step(start: int, first: int, last: int) -> None:
    steps = [row_scales("all", (2, 3, 4), 0, step, 16, 4)[first:last] for step in range(start, start + 3)]
    assert Counter(np.concatenate(steps).tolist()) == dict.fromkeys((2, 3, 4), last - first)


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize(("rows", "micro_batches"), [(16, 4), (10, 2), (7, 1)])
def test_all_balances_every_step_and_micro_batch_to_one_row(step: int, rows: int, micro_batches: int) -> None:
    batch = row_scales("all", (2, 3, 4), 0, step, rows, micro_batches)
    for part in (batch, *np.split(batch, micro_batches)):
        counts = [np.count_nonzero(part == scale) for scale in (2, 3, 4)]
        assert max(counts) - min(counts) <= 1


def test_all_keeps_the_ratio_of_scales_named_twice() -> None:
    steps = [row_scales("all", (2, 2, 4), 0, step, 5, 1) for step in range(3)]
    assert Counter(np.concatenate(steps).tolist()) == {2: 10, 4: 5}


@pytest.mark.parametrize("schedule", ["synchronised", "per_rank"])
@pytest.mark.parametrize("start", [1, 5, 1000])
def test_random_orders_stay_within_one_block_of_the_ratio(schedule: ScaleSchedule, start: int) -> None:
    """Started anywhere, two cut blocks can shift a scale by less than two steps."""
    drawn = [int(row_scales(schedule, (2, 3, 4), 3, step, 8, 4)[0]) for step in range(start, start + 100)]
    assert all(abs(drawn.count(scale) - 100 / 3) < 2 for scale in (2, 3, 4))


def test_synchronised_gives_all_rows_one_scale_in_an_order_that_varies() -> None:
    steps = [row_scales("synchronised", (2, 3, 4), 0, step, 8, 4) for step in range(60)]
    assert all(len(set(step.tolist())) == 1 for step in steps)
    orders = {tuple(int(step[0]) for step in steps[n : n + 3]) for n in range(0, 60, 3)}
    assert len(orders) == 6, "not every order of three scales occurs in 20 blocks"


def test_per_rank_draws_each_micro_batch_by_itself() -> None:
    steps = np.stack([row_scales("per_rank", (2, 3, 4), 0, step, 8, 4).reshape(4, 2) for step in range(60)])
    assert np.array_equal(steps[..., 0], steps[..., 1]), "a micro-batch mixes scales"
    together = sum(len(set(step.tolist())) == 1 for step in steps[..., 0])
    assert together < 15, "the ranks move in step"  # by chance 60/27, here the draws are fixed


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_are_functions_of_seed_and_step(schedule: ScaleSchedule) -> None:
    def run(seed: int) -> list[list[int]]:
        return [row_scales(schedule, (2, 3, 4), seed, step, 8, 4).tolist() for step in range(30)]

    assert run(1) == run(1)
    assert (run(1) != run(2)) == (schedule != "all")
