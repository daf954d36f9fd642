"""A model that works tile by tile, of the sizes that a protocol states."""

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.functional.fit import fit
from igconv_sr.inference.tiles import Overlap, Span, tiles
from igconv_sr.scale import Ratio, Scale, nearest_ratio
from igconv_sr.super_resolver import SuperResolver


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
        # Of a core that begins at multiples of q no more is kept than was asked for, but at least q.
        core = max(self.tile - self.tile % ratio.q, ratio.q)
        overlap = Overlap(self.overlap, 0, ratio.q)
        columns = [column for column, _ in tiles(core, width, overlap)]
        rows = [
            torch.cat([self._used(lr, row, column, ratio) for column in columns], dim=-1)
            for row, _ in tiles(core, height, overlap)
        ]
        return fit(torch.cat(rows, dim=-2), height, width, scale)

    def _used(self, lr: Tensor, row: Span, column: Span, ratio: Ratio) -> Tensor:
        sr = self.net(lr[..., row.start : row.stop, column.start : column.stop], ratio.scale)
        exact = Fraction(*ratio)
        used: Tensor = sr[..., row.used(exact), column.used(exact)]
        return used

    def fold(self, scales: Sequence[Scale]) -> "Tiled":
        """The same with the folded model."""
        return Tiled(self.net.fold(scales), self.tile, self.overlap)
