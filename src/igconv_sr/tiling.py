"""Super-resolution tile by tile, for images that do not fit into memory at once."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.network import SuperResolver
from igconv_sr.upsamplers.scales import check_scale


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

    def forward(self, lr: Tensor, scale: float) -> Tensor:
        """Maps an RGB image (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped.

        Raises:
            InputError: If the scale is not a whole number, or the model does not serve it.
        """
        factor = check_scale(scale)
        height, width = lr.shape[-2:]
        rows = [
            torch.cat([self._inner(lr, row, column, factor) for column in self._spans(width)], dim=-1)
            for row in self._spans(height)
        ]
        return torch.cat(rows, dim=-2)

    def _inner(self, lr: Tensor, row: Span, column: Span, scale: int) -> Tensor:
        sr = self.net(lr[..., row.start : row.stop, column.start : column.stop], scale)
        rows, columns = (
            slice((span.first - span.start) * scale, (span.last - span.start) * scale) for span in (row, column)
        )
        kept: Tensor = sr[..., rows, columns]
        return kept

    def _spans(self, size: int) -> Iterator[Span]:
        for first in range(0, size, self.tile):
            last = min(first + self.tile, size)
            yield Span(max(first - self.overlap, 0), min(last + self.overlap, size), first, last)

    def fold(self, scales: Sequence[float]) -> "Tiled":
        """The same with the folded model."""
        return Tiled(self.net.fold(scales), self.tile, self.overlap)
