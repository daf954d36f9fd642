"""The engine: a network made ready once per scale, run on images of any size in bounded memory.

Legend: H and W size of the LR image, C channels (:mod:`igconv_sr.inference.channels`), r = p/q scale, T side of a tile.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.functional.imresize import imresize
from igconv_sr.functional.padding import pad_bottom_right
from igconv_sr.functional.paired_size import output_size
from igconv_sr.inference.channels import (
    as_before,
    as_rgb,
    fill_transparent,
    from_unit,
    has_alpha,
    keep_flat,
    to_unit,
)
from igconv_sr.inference.enlargement import network_scale
from igconv_sr.inference.memory import out_of_memory
from igconv_sr.inference.prepared import Prepared, prepare
from igconv_sr.inference.tile_size import after_failure, tiles_for, with_overlap
from igconv_sr.inference.tiles import Overlap, Span, blend, tile_at, tiles, to_output
from igconv_sr.super_resolver import SuperResolver

_WRAPPED = 64
"""LR pixels of the opposite side where a network's reach has no bound: what its windows see beyond is small."""

_SCALES_KEPT = 4
"""Pictures that all become 1920 wide have a scale each; their kernels take up to hundreds of megabytes."""


class Upscaler:
    """Enlarges images by a network.

    Args:
        net: The network, in eval mode; folding copies it.
        device: Where to compute.
        tile: T in LR pixels, or None to choose it from the free memory: the whole image if it fits.
        ensemble: Average over the eight flips and turns, in eight times the time.
        half: Compute in half precision: float16 on a GPU, bfloat16 elsewhere.
        say: Is told in words what the user should know.
        bicubic_alpha: Enlarge alpha by bicubic interpolation instead of by the network.
        wrap: Axes at which opposite borders of an image meet, as those of a texture do: "x", "y", both or none.

    Raises:
        InputError: If the tile is out of range.
    """

    def __init__(
        self,
        net: SuperResolver,
        device: torch.device | str = "cpu",
        tile: int | None = None,
        ensemble: bool = False,
        half: bool = False,
        say: Callable[[str], object] = lambda _line: None,
        bicubic_alpha: bool = False,
        wrap: str = "",
    ) -> None:
        if tile is not None and not (isinstance(tile, int) and tile >= 1):
            raise InputError(f"tile {tile} must be a whole number of LR pixels, 1 or more, or None")
        self.net, self.device, self.tile = net, torch.device(device), tile
        self.ensemble, self.half, self.say = ensemble, half, say
        self.bicubic_alpha, self.wrap = bicubic_alpha, wrap
        self._prepared: dict[Fraction, Prepared] = {}

    def prepare(self, scale: Fraction) -> Prepared:
        """The network folded for a scale, kept for the latest few: see :func:`igconv_sr.inference.prepared.prepare`.

        Raises:
            InputError: If it serves neither that scale nor a whole one above.
        """
        prepared = self._prepared.pop(scale, None)
        if prepared is None:
            for oldest in list(self._prepared)[: 1 - _SCALES_KEPT]:
                self._prepared.pop(oldest, None)
            prepared = prepare(self.net, scale, self.device, self.ensemble, self.say)
        self._prepared[scale] = prepared
        return prepared

    def bands(
        self, pixels: Tensor, scale: Fraction, progress: Callable[[float], object] = lambda _share: None
    ) -> Iterator[Tensor]:
        """Enlarges an image, from top to bottom; where borders meet, with a strip of the opposite side around it.

        Args:
            pixels: (H,W,C) uint8, uint16, or floating point in [0,1].
            scale: r; what is computed is ``prepare(scale).scale``.
            progress: Told after each tile which share of the image it was.

        Yields:
            (h,r·W,C) of the same type on the same device: r·H rows in all, in as many parts as memory demands.

        Raises:
            InputError: If the network gives values that are not finite, or not even the smallest tile fits.
        """
        prepared = self.prepare(scale)
        across, down = (_strip(prepared) if axis in self.wrap else 0 for axis in "xy")
        height, width = output_size(pixels.shape[0], pixels.shape[1], prepared.scale)
        wrapped = _wrapped(pixels, down, across)
        top, left = to_output(down, prepared.scale), to_output(across, prepared.scale)
        first = 0
        for band in self._whole_bands(prepared, wrapped, progress):
            last = first + band.shape[0]
            kept = band[max(top - first, 0) : max(top + height - first, 0), left : left + width]
            first = last
            if kept.shape[0]:
                yield kept

    def _whole_bands(self, prepared: Prepared, pixels: Tensor, progress: Callable[[float], object]) -> Iterator[Tensor]:
        if has_alpha(pixels.shape[-1]):
            pixels = fill_transparent(pixels)
        height, width = pixels.shape[:2]
        pixel_bytes = pixels.shape[2] * pixels.element_size()
        cut = tiles_for(prepared, (height, width), pixel_bytes, self.tile, self.say)
        wanted = output_size(height, width, prepared.scale)
        top = done = 0
        carry: Tensor | None = None
        while top < height:
            core, overlap = cut
            share = 1 / (math.ceil(height / core) * math.ceil(width / core))
            rows = tile_at(top, core, height, overlap)
            try:
                band, following = self._band(prepared, pixels, rows, cut, carry, partial(progress, share))
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                core = after_failure(prepared, min(core, max(height, width)), self.say)
                # Behind rows that are done already, neighbours have to be joined as they were.
                cut = (core, overlap) if top else with_overlap(prepared, lambda _, core=core: core, self.say)  # type: ignore[misc]
                continue
            top, carry = top + core, following
            band = band[: wanted[0] - done, : wanted[1]]
            done += band.shape[0]
            yield band

    @torch.no_grad()
    def _band(
        self,
        prepared: Prepared,
        pixels: Tensor,
        rows: tuple[Span, int],
        cut: tuple[int, Overlap],
        carry: Tensor | None,
        progress: Callable[[], object],
    ) -> tuple[Tensor, Tensor | None]:
        """A row of tiles.

        Returns:
            What is finished, and the strip at its lower end that the next row of tiles has too, or None.
        """
        scale, (row, joint) = prepared.scale, rows
        below = to_output(joint, scale)
        kept = to_output(row.last - row.first, scale) - below
        columns, channels = to_output(pixels.shape[1], scale), pixels.shape[2]
        band = pixels.new_empty(kept, columns, channels)
        following = torch.empty(1, channels, below, columns, device=self.device) if below else None
        left, strip = 0, None
        for column, joint_columns in tiles(cut[0], pixels.shape[1], cut[1]):
            seen = pixels[row.start : row.stop, column.start : column.stop]
            sr = self._enlarge(prepared, seen)[..., row.used(scale), column.used(scale)]
            if strip is not None:
                sr[..., : strip.shape[-1]] = blend(strip, sr[..., : strip.shape[-1]], -1)
            beyond = to_output(joint_columns, scale)
            strip = sr[..., sr.shape[-1] - beyond :].clone() if beyond else None
            sr = sr[..., : sr.shape[-1] - beyond]
            right = left + sr.shape[-1]
            if carry is not None:
                above = carry.shape[-2]
                sr[..., :above, :] = blend(carry[..., left:right], sr[..., :above, :], -2)
            if following is not None:
                following[..., left:right] = sr[..., kept:, :]
            band[:, left:right] = from_unit(sr[..., :kept, :], band.dtype).to(band.device)
            left = right
            progress()
        return band, following

    def _enlarge(self, prepared: Prepared, pixels: Tensor) -> Tensor:
        """(h,w,C) to (1,C,r·h,r·w) in [0,1], not clamped."""
        values = pad_bottom_right(to_unit(pixels).to(self.device), prepared.scale.denominator, "symmetric")
        channels = values.shape[1]
        if not has_alpha(channels):
            return as_before(self._run(prepared, as_rgb(values)), channels)
        colour = as_before(self._run(prepared, as_rgb(values[:, :-1])), channels)
        return torch.cat((colour, self._alpha(prepared, values[:, -1:])), dim=1)

    def _alpha(self, prepared: Prepared, alpha: Tensor) -> Tensor:
        """(1,1,h,w) to (1,1,r·h,r·w): as a gray image is, but exact where it is flat."""
        if self.bicubic_alpha:
            return imresize(alpha, float(prepared.scale))
        rows, columns = (to_output(size, prepared.scale) for size in alpha.shape[-2:])
        if (alpha == alpha[..., :1, :1]).all():
            return alpha[..., :1, :1].expand(-1, -1, rows, columns)
        return keep_flat(alpha, as_before(self._run(prepared, as_rgb(alpha)), 2))

    def _run(self, prepared: Prepared, lr: Tensor) -> Tensor:
        lr, scale = lr.contiguous(memory_format=torch.channels_last), network_scale(prepared.scale)
        if self.half:
            kind = torch.float16 if self.device.type == "cuda" else torch.bfloat16
            with torch.autocast(self.device.type, kind):
                sr: Tensor = prepared.net(lr, scale).float()
            if sr.isfinite().all():
                return sr
            self.half = False
            self.say("Half precision gives values that are not finite: single precision from here on")
        sr = prepared.net(lr, scale)
        if not sr.isfinite().all():
            raise InputError("the model gives values that are not finite; its weights, or the image, hold such ones")
        return sr


def _strip(prepared: Prepared) -> int:
    """LR pixels of the opposite side that the network has to see."""
    reach = prepared.reach or _WRAPPED
    return -(-reach // prepared.step) * prepared.step


def _wrapped(pixels: Tensor, down: int, across: int) -> Tensor:
    """(H,W,C) with so many rows and columns of the opposite side around it, of its repetitions if need be."""
    if not down and not across:
        return pixels
    rows, columns = (
        torch.arange(-strip, size + strip, device=pixels.device) % size
        for strip, size in zip((down, across), pixels.shape[:2], strict=True)
    )
    if pixels.dtype == torch.uint16:  # which indexing does not know
        return _wrapped(pixels.view(torch.int16), down, across).view(pixels.dtype)
    return pixels[rows][:, columns]
