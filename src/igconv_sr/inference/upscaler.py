"""The engine: a network made ready once per scale, run on images of any size in bounded memory.

Legend: H and W size of the LR image, C channels (:mod:`igconv_sr.inference.channels`), r = p/q scale, T side of a tile.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from igconv_sr.inference.enlargement import network_scale, stand_ins
from igconv_sr.inference.ensemble import SelfEnsemble
from igconv_sr.inference.memory import bytes_per_pixel, free_bytes, out_of_memory
from igconv_sr.inference.reach import find_reach
from igconv_sr.inference.tiles import (
    Overlap,
    Span,
    blend,
    blended,
    largest_core,
    least_core,
    smaller,
    step_of,
    tile_at,
    tiles,
    to_output,
)
from igconv_sr.scale import nearest_ratio
from igconv_sr.super_resolver import SuperResolver

_SMALL = 256**2
"""LR pixels; images up to here are computed at once without looking at the memory first."""

_SHARE = 0.5
"""Of the free memory that is taken."""

_WRAPPED = 64
"""LR pixels of the opposite side where a network's reach has no bound: what its windows see beyond is small."""

_COPIES = 4
"""Of a band of the result that exist at once: being filled, waiting, being written, and as bytes of the file."""


@dataclass
class Prepared:
    """A network at one scale.

    Attributes:
        net: Folded, on the device.
        scale: What it computes: the scale asked for, or a whole one above that the result is to be reduced from.
        multiple: Of the sizes that it takes without padding.
        bytes_per_pixel: Measured once a large image asks for it.
        reach: LR pixels that it looks to each side, or None if that is unbounded or not known yet.
        reach_is_known: Once something had to be cut into tiles.
        core: T, once memory has run out with a larger one.
    """

    net: SuperResolver
    scale: Fraction
    multiple: int
    bytes_per_pixel: float | None = None
    reach: int | None = None
    reach_is_known: bool = False
    core: int | None = None

    @property
    def step(self) -> int:
        """T is a multiple of it."""
        return step_of(self.scale.denominator, self.multiple)


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
        if tile is not None and tile < 1:
            raise InputError(f"tile {tile} must be a number of LR pixels, 1 or more")
        self.net, self.device, self.tile = net, torch.device(device), tile
        self.ensemble, self.half, self.say = ensemble, half, say
        self.bicubic_alpha, self.wrap = bicubic_alpha, wrap
        self._least = Fraction(*nearest_ratio(min(net.scales))) if net.scales else Fraction(1)
        self._prepared: dict[Fraction, Prepared] = {}

    def prepare(self, scale: Fraction) -> Prepared:
        """Folds the network for a scale, once; below those of its training for the least of these.

        IGConv does well between the scales of its training and above them, but below them brightness drifts.

        Raises:
            InputError: If it serves neither that scale nor a whole one above.
        """
        if scale not in self._prepared:
            served, folded = self._fold(max(scale, self._least))
            # Convolutions on a CPU are faster so.
            net: SuperResolver = folded.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            multiple = net.size_multiple
            self._prepared[scale] = Prepared(SelfEnsemble(net) if self.ensemble else net, served, multiple)
            if served != scale:
                asked, least = f"×{float(scale):.4g}", f"×{float(self._least):.4g}"
                why = f"does not serve {asked}" if scale > self._least else f"was not trained below {least}"
                self.say(f"The model {why}: {asked} is computed at ×{float(served):.4g} and reduced")
        return self._prepared[scale]

    def _fold(self, scale: Fraction) -> tuple[Fraction, SuperResolver]:
        try:
            return scale, self.net.fold([network_scale(scale)])
        except InputError:
            for other in stand_ins(scale):
                try:
                    return other, self.net.fold([network_scale(other)])
                except InputError:
                    continue
            raise

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
        across, down = (self._strip(prepared) if axis in self.wrap else 0 for axis in "xy")
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

    def _strip(self, prepared: Prepared) -> int:
        """LR pixels of the opposite side that the network has to see."""
        reach = self._reach(prepared) or _WRAPPED
        return -(-reach // prepared.step) * prepared.step

    def _whole_bands(self, prepared: Prepared, pixels: Tensor, progress: Callable[[float], object]) -> Iterator[Tensor]:
        if has_alpha(pixels.shape[-1]):
            pixels = fill_transparent(pixels)
        height, width = pixels.shape[:2]
        cut = self._cut(prepared, pixels)
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
                core = self._after_failure(prepared, min(core, max(height, width)))
                # Behind rows that are done already, neighbours have to be joined as they were.
                cut = (core, overlap) if top else self._with_overlap(prepared, lambda _, core=core: core)  # type: ignore[misc]
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

    def _cut(self, prepared: Prepared, pixels: Tensor) -> tuple[int, Overlap]:
        """T and the overlap for an image; if it is one tile, T is no less than its sides."""
        height, width, channels = pixels.shape
        whole = max(height, width), Overlap(0, 0, prepared.step)
        asked = prepared.core or (None if self.tile is None else -(-self.tile // prepared.step) * prepared.step)
        if asked is not None:
            return whole if asked >= max(height, width) else self._with_overlap(prepared, lambda _: asked)
        if height * width <= _SMALL:
            return whole
        if prepared.bytes_per_pixel is None:
            with torch.no_grad():
                prepared.bytes_per_pixel = bytes_per_pixel(prepared.net, prepared.scale, self.device)
        per_row = _COPIES * float(prepared.scale) ** 2 * width * channels * pixels.element_size()
        needs = (prepared.bytes_per_pixel, per_row, _SHARE * free_bytes(self.device))
        if largest_core((height, width), whole[1], *needs) >= max(height, width):
            return whole
        return self._with_overlap(prepared, lambda overlap: largest_core((height, width), overlap, *needs))

    def _with_overlap(self, prepared: Prepared, core_for: Callable[[Overlap], int]) -> tuple[int, Overlap]:
        """T with the overlap that makes tiles exact, unless there is none or it would cost too much."""
        step = prepared.step
        if (reach := self._reach(prepared)) is not None:
            exact = Overlap(-(-reach // step) * step, 0, step)
            core = core_for(exact)
            if exact.seen <= 2 * core:
                return core, exact
            self.say(f"This model looks {reach} pixels far, too far for tiles of {core} pixels: tiles are blended")
        return core_for(blended(step)), blended(step)

    def _reach(self, prepared: Prepared) -> int | None:
        if prepared.multiple > 1:
            return None  # windows hand on what they see, layer by layer
        if not prepared.reach_is_known:
            with torch.no_grad():
                prepared.reach = find_reach(self._fold(prepared.scale)[1].cpu(), prepared.scale)
            prepared.reach_is_known = True
        return prepared.reach

    def _after_failure(self, prepared: Prepared, core: int) -> int:
        if core <= least_core(prepared.step):
            other = "" if self.device.type == "cpu" else ", or use --device cpu"
            raise InputError(f"memory is not enough even for tiles of {core} pixels; free some{other}")
        prepared.core = smaller(core, prepared.step)
        self.say(f"Memory ran out: tiles of {prepared.core} pixels from here on")
        return prepared.core


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
