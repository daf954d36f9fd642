"""How SR images are computed, and the mark of it that follows a protocol's name."""

import re
from dataclasses import dataclass, replace
from typing import Self

from igconv_sr.errors import InputError
from igconv_sr.inference.ensemble import SelfEnsemble
from igconv_sr.inference.tiled import Tiled
from igconv_sr.super_resolver import SuperResolver

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
