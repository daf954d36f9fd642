"""Super-resolution tile by tile, for images that do not fit into memory at once."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.functional.fit import fit
from igconv_sr.functional.paired_size import output_length
from igconv_sr.scale import Ratio, Scale, nearest_ratio
from igconv_sr.super_resolver import SuperResolver


class Span(NamedTuple):
    """One tile along one axis, in LR pixels.

    Attributes:
        start: First pixel that the model sees.
        stop: Behind the last one.
        first: First pixel that is kept.
        last: Behind the last one.
    """

    start: int
    stop: int
    first: int
    last: int


class Tiled(SuperResolver):
    """Runs a model on overlapping tiles and keeps the inner part of each.

    The result is that of the whole image where the overlap is at least the model's receptive field. What looks at the
    whole image, such as channel attention, gives another result.

    Args:
        net: The model.
        tile: Side of the part that is kept of each tile, in LR pixels.
        overlap: LR pixels of the surroundings that the model sees on each side.

    Raises:
        InputError: If one is no whole number, or out of range.
    """

    def __init__(self, net: SuperResolver, tile: int, overlap: int) -> None:
        super().__init__()
        for name, value, least in (("tile", tile, 1), ("tile_overlap", overlap, 0)):
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name}={value} must be a whole number of LR pixels, {least} or more")
        self.net, self.tile, self.overlap = net, tile, overlap

    def forward(self, lr: Tensor, scale: Scale) -> Tensor:
        """Maps an RGB image (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped.

        Raises:
            InputError: If the model does not serve the scale.
        """
        ratio = nearest_ratio(scale)
        height, width = lr.shape[-2:]
        columns = list(self._spans(width, ratio.q))
        rows = [
            torch.cat([self._inner(lr, row, column, ratio) for column in columns], dim=-1)
            for row in self._spans(height, ratio.q)
        ]
        return fit(torch.cat(rows, dim=-2), height, width, scale)

    def _inner(self, lr: Tensor, row: Span, column: Span, ratio: Ratio) -> Tensor:
        sr = self.net(lr[..., row.start : row.stop, column.start : column.stop], ratio.scale)
        rows, columns = (
            slice(output_length(span.first - span.start, ratio), output_length(span.last - span.start, ratio))
            for span in (row, column)
        )
        kept: Tensor = sr[..., rows, columns]
        return kept

    def _spans(self, size: int, period: int) -> Iterator[Span]:
        """The tiles along an axis.

        Args:
            size: Of the axis in LR pixels.
            period: q of the scale p/q, at which tiles begin at multiples of q alone: what is kept of one is then at
                most as large as asked for (but at least q), and the overlap before it at least as large.
        """
        step = max(self.tile - self.tile % period, period)
        before = self.overlap + -self.overlap % period
        for first in range(0, size, step):
            last = min(first + step, size)
            yield Span(max(first - before, 0), min(last + self.overlap, size), first, last)

    def fold(self, scales: Sequence[Scale]) -> "Tiled":
        """The same with the folded model."""
        return Tiled(self.net.fold(scales), self.tile, self.overlap)
