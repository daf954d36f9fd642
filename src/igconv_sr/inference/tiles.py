"""Tiles: where they lie, what of them is used, and how neighbours are joined.

They serve :class:`igconv_sr.inference.settings.Tiled`, whose sizes a protocol states, and
:class:`igconv_sr.inference.upscaler.Upscaler`, whose sizes memory decides.

Legend: H and W size of the LR image, r scale, T side of a tile's core, h overlap, f feather (LR pixels).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

_SURROUNDINGS = 32
"""LR pixels that a tile sees to each side where no overlap makes tiles exact."""

_CELL = 8
"""Side of the cells that SMFANet pools, in LR pixels."""

_LARGEST_STEP = 96
"""LR pixels."""


@dataclass(frozen=True)
class Overlap:
    """What a tile sees beyond its core, in LR pixels.

    Attributes:
        seen: h, to each side; before the core more, if it is no multiple of ``step``.
        feather: f, a multiple of ``step``: the part of h over which neighbours are blended; 0 where none are.
        step: Cores, and what a tile sees, begin at multiples of it: of q, and of what the encoder pads to.
    """

    seen: int
    feather: int
    step: int


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
    start = max((first - overlap.seen) // overlap.step * overlap.step, 0)
    tile = Span(start, min(behind + overlap.seen, size), max(first - overlap.feather, 0), last)
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
    """The overlap where none makes tiles exact: some surroundings, over half of which neighbours are blended."""
    seen = -(-_SURROUNDINGS // step) * step
    return Overlap(seen, max(seen // 2 // step, 1) * step, step)
