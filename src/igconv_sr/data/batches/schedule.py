"""Which scale each row of an optimiser step trains: a pure function of (seed, step, row)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

ScaleSchedule = Literal["all", "synchronised", "per_rank"]

_STREAM = 0x5CA1E
"""Keeps the draws of scales apart from those of crops."""


def row_scales(
    schedule: ScaleSchedule, scales: Sequence[float], seed: int, step: int, rows: int, micro_batches: int
) -> npt.NDArray[np.float64]:
    """Scale of every row of one global batch.

    Args:
        schedule: ``all``: every step holds all scales, turn by turn, so that any window of rows is balanced to one
            row and exactly so over as many steps as there are scales. ``synchronised``: one scale per step.
            ``per_rank``: one scale per micro-batch, drawn independently (the released code's way, where every
            GPU holds one micro-batch). The last two go through all scales in random order before any repeats.
        scales: The scales of the training.
        seed: Seed of the run.
        step: Optimiser step.
        rows: Rows of the global batch, a multiple of ``micro_batches``.
        micro_batches: Devices × accumulated batches.

    Returns:
        (rows,) scales.
    """
    choices = np.asarray(scales, dtype=np.float64)
    if schedule == "all":
        return choices[(np.arange(rows) + step) % len(choices)]
    block, position = divmod(step, len(choices))
    if schedule == "synchronised":
        return np.repeat(_order(choices, [seed, _STREAM, block])[position], rows)
    drawn = [_order(choices, [seed, _STREAM, block, rank])[position] for rank in range(micro_batches)]
    return np.repeat(np.array(drawn), rows // micro_batches)


def _order(choices: npt.NDArray[np.float64], key: list[int]) -> npt.NDArray[np.float64]:
    return np.random.default_rng(key).permutation(choices)
