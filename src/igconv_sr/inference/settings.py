"""How SR images are computed, in tiles if need be, and the mark of it that follows a protocol's name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self, TypeVar

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.functional.fit import fit
from igconv_sr.inference.ensemble import SelfEnsemble
from igconv_sr.inference.memory import out_of_memory
from igconv_sr.inference.tiles import Overlap, Span, tiles
from igconv_sr.scale import Ratio, Scale, nearest_ratio
from igconv_sr.super_resolver import SuperResolver

T = TypeVar("T")

_OVERLAP = 32
"""LR pixels; stated in the mark if it is another."""

_LEAST = 8
"""Side of the smallest tiles that are chosen, in LR pixels."""

_MARKS = re.compile(r"(\+ensemble)?(?:\+tile(\d+)(?:-overlap(\d+))?)?")


def marks_of(protocol: str) -> str:
    """What follows the name of a protocol, as :attr:`Inference.marks` writes it.

    Example:
        >>> marks_of("standard+tile256"), marks_of("standard")
        ('+tile256', '')
    """
    _, plus, marks = protocol.partition("+")
    return plus + marks


@dataclass(frozen=True)
class Inference:
    """Whole images by a single pass, unless asked otherwise.

    Attributes:
        self_ensemble: Whether the outputs for all eight flips and turns are averaged.
        tile: Side of the tiles in LR pixels, or None for whole images.
        tile_overlap: LR pixels that a tile sees beyond each side.

    Example:
        >>> Inference(self_ensemble=True, tile=256).marks
        '+ensemble+tile256'
    """

    self_ensemble: bool = False
    tile: int | None = None
    tile_overlap: int = _OVERLAP

    @property
    def marks(self) -> str:
        """What follows the protocol's name; empty for whole images by a single pass."""
        ensemble = "+ensemble" if self.self_ensemble else ""
        overlap = "" if self.tile_overlap == _OVERLAP else f"-overlap{self.tile_overlap}"
        return ensemble + ("" if self.tile is None else f"+tile{self.tile}{overlap}")

    @classmethod
    def from_marks(cls, marks: str) -> Self:
        """Reads what :attr:`marks` wrote.

        Raises:
            InputError: If the marks are others.
        """
        found = _MARKS.fullmatch(marks)
        if found is None:
            raise InputError(f"unknown marks {marks!r} behind the name of a protocol")
        ensemble, tile, overlap = found.groups()
        return cls(bool(ensemble), int(tile) if tile else None, int(overlap) if overlap else _OVERLAP)

    def with_smaller_tiles(self, side: int) -> Self | None:
        """The same in tiles of the next smaller power of two; None where there are no smaller ones.

        Such tiles see no more of their surroundings than they are large.

        Args:
            side: The longer one of the LR image.

        Example:
            >>> Inference().with_smaller_tiles(1020)
            Inference(self_ensemble=False, tile=512, tile_overlap=32)
        """
        now = side if self.tile is None else min(self.tile, side)
        tile = 2 ** ((now - 1).bit_length() - 1) if now > 1 else 0
        if tile < _LEAST:
            return None
        return replace(self, tile=tile, tile_overlap=min(self.tile_overlap, tile))

    def wrap(self, net: SuperResolver) -> SuperResolver:
        """The model, run in this way.

        Raises:
            InputError: If the sizes of the tiles are out of range.
        """
        if self.tile is not None:
            net = Tiled(net, self.tile, self.tile_overlap)
        return SelfEnsemble(net) if self.self_ensemble else net


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


def within_memory(
    run: Callable[[Inference], T], inference: Inference, lr_size: tuple[int, int], name: str
) -> tuple[T, Inference]:
    """Runs something on an image, and on smaller and smaller tiles as long as memory runs out.

    The least tiles take less than a step of the training did.

    Args:
        run: Called with the way to compute SR.
        inference: The way asked for.
        lr_size: H and W of the LR image.
        name: Of the image, in words.

    Returns:
        What ``run`` gives, and the way in which it was computed.

    Raises:
        InputError: If not even the least tiles fit.
    """
    while True:
        try:
            return run(inference), inference
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        # Not before the error is gone, whose traceback holds what was computed so far.
        smaller = inference.with_smaller_tiles(max(lr_size))
        if smaller is None:
            raise InputError(f"memory is not enough for {name} even in the smallest tiles; free some")
        inference = smaller
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
