"""Tiles: where they lie, how large they may be, and how neighbours are joined.

Legend: H and W size of the LR image, r scale, T side of a tile's core, h overlap, f feather (LR pixels).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

_LEAST = 32
"""Side of a core in LR pixels."""

_SURROUNDINGS = 32
"""LR pixels that a tile sees to each side where no overlap makes tiles exact."""

_CELL = 8
"""Side of the cells that SMFANet pools, in LR pixels."""

_LARGEST_STEP = 96
"""LR pixels."""


@dataclass(frozen=True)
class Overlap:
    """What a tile sees beyond its core, in LR pixels; multiples of ``step``.

    Attributes:
        seen: h, to each side.
        feather: f, the part of h over which neighbours are blended; 0 where h makes tiles exact.
        step: Cores begin at multiples of it: of q, and of what the encoder pads to.
    """

    seen: int
    feather: int
    step: int

    @property
    def exact(self) -> bool:
        """Whether tiles give what the whole image gives."""
        return self.feather == 0


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in LR pixels.

    Attributes:
        start: First pixel that the network sees.
        stop: Behind the last one.
        first: First pixel that is used: of the core, or of the feather before it.
        last: Behind the last one.
    """

    start: int
    stop: int
    first: int
    last: int

    def used(self, scale: Fraction) -> slice:
        """The used part of the network's output."""
        return slice(to_output(self.first - self.start, scale), to_output(self.last - self.start, scale))


def to_output(position: int, scale: Fraction) -> int:
    """The output position of an LR position: a multiple of q, or the end of an image, which is padded to one."""
    return -(-position // scale.denominator) * scale.numerator


def tile_at(first: int, core: int, size: int, overlap: Overlap) -> tuple[Span, int]:
    """A tile along one axis.

    Args:
        first: Where its core begins.
        core: T.
        size: Pixels of the axis.
        overlap: h and f.

    Returns:
        The tile, and the LR pixels at its end that the following one has too.
    """
    behind = first + core
    last = min(behind + overlap.feather, size)
    tile = Span(max(first - overlap.seen, 0), min(behind + overlap.seen, size), max(first - overlap.feather, 0), last)
    return tile, last - max(behind - overlap.feather, 0) if behind < size else 0


def tiles(core: int, size: int, overlap: Overlap) -> Iterator[tuple[Span, int]]:
    """All tiles of an axis, as :func:`tile_at` gives them."""
    return (tile_at(first, core, size, overlap) for first in range(0, size, core))


def blend(before: Tensor, after: Tensor, axis: int) -> Tensor:
    """The strip that two neighbours have both computed: fades from one to the other."""
    length = after.shape[axis]
    ramp = (torch.arange(length, device=after.device, dtype=after.dtype) + 0.5) / length
    return torch.lerp(before, after, ramp.view(-1, *(1,) * (-axis - 1)))


def step_of(denominator: int, multiple: int) -> int:
    """What tiles begin at multiples of: q at least.

    If that leaves it small enough, it keeps windows, and cells of SMFANet's pooling, where they are in the whole image.

    Args:
        denominator: q.
        multiple: Of the encoder's sizes.
    """
    wished = (math.lcm(denominator, multiple, _CELL), math.lcm(denominator, multiple))
    return next((step for step in wished if step <= _LARGEST_STEP), denominator)


def blended(step: int) -> Overlap:
    """Where no overlap makes tiles exact: some surroundings, over half of which neighbours are blended."""
    seen = -(-_SURROUNDINGS // step) * step
    return Overlap(seen, max(seen // 2 // step, 1) * step, step)


def largest_core(size: tuple[int, int], overlap: Overlap, per_pixel: float, per_row: float, budget: float) -> int:
    """The largest T, a multiple of the step, that memory allows, or the least there is.

    What is held at once: the network on (T+2h)² pixels, or fewer where the image ends, and the rows of the result.

    Args:
        size: H and W.
        overlap: h and f.
        per_pixel: Bytes of the network per LR pixel.
        per_row: Bytes of the result per LR row.
        budget: Bytes.
    """
    height, width = size
    core = -(-max(size) // overlap.step) * overlap.step
    while core > least_core(overlap.step):
        seen = min(core + 2 * overlap.seen, height) * min(core + 2 * overlap.seen, width)
        if seen * per_pixel + min(core + 2 * overlap.feather, height) * per_row <= budget:
            break
        core = smaller(core, overlap.step, factor=0.9)
    return core


def least_core(step: int) -> int:
    """The least T that is chosen."""
    return -(-_LEAST // step) * step


def smaller(core: int, step: int, factor: float = 0.5) -> int:
    """A smaller T, a multiple of the step."""
    return max(min(int(core * factor), core - 1) // step * step, least_core(step))
