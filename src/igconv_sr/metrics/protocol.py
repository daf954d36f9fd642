"""How a super-resolved image is compared with the original; a number means nothing without it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal, Self

from torch import Tensor

from igconv_sr.data.batches.benchmark import LrKernel
from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.functional.colour import rgb_to_y
from igconv_sr.functional.imresize import round_to_8_bit
from igconv_sr.functional.quality import SSIM_WINDOW, psnr, ssim

Column = Literal["psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"]

_PAIRED_SCALES = (2, 3, 4)
"""Benchmarks come with LR images of these, made by MATLAB."""

_LIIF_LUMA = (65.738 / 256, 129.057 / 256, 25.064 / 256)


@dataclass(frozen=True)
class Protocol:
    """A way of comparing; its name is stored with every number.

    At every border ``ceil(scale)`` pixels are cut off, and SR is clamped to [0,1].

    Attributes:
        name: As it appears in results; marks follow it, such as ``standard+ensemble``.
        columns: What it measures; the other columns of results stay empty.
        round_to_8_bit: Whether SR is rounded to 8 bit, as a saved picture is.
        gray_is_luma: Whether the values of a single-channel file are its luma; otherwise it is read as colour.
        luma: Weights of red, green and blue in 0…255, or None for those of BT.601, limited range.
        more_border_rgb: Pixels cut off beyond that for columns of RGB.
        made_by: What reduces HR images where there are no LR files, at scales other than ×2, ×3 and ×4, at which
            every protocol's LR images are MATLAB's.
    """

    name: str
    columns: tuple[Column, ...] = ("psnr_y", "ssim_y", "psnr_rgb")
    round_to_8_bit: bool = True
    gray_is_luma: bool = True
    luma: tuple[float, float, float] | None = None
    more_border_rgb: int = 0
    made_by: LrKernel = "matlab"

    def lr_kernel(self, scale: float) -> LrKernel:
        """What makes the LR images at a scale."""
        return "matlab" if scale in _PAIRED_SCALES else self.made_by

    def marked(self, marks: str) -> Self:
        """The same with marks behind its name, for how SR was computed."""
        return dataclasses.replace(self, name=self.name + marks)

    def rgb(self, sr: Tensor, hr: Tensor, scale: float, more_border: int = 0) -> tuple[Tensor, Tensor]:
        """Both images as compared, in double precision.

        Args:
            sr: (B,3,H,W) in [0,1], may overshoot.
            hr: (B,3,H,W) in [0,1], of 8 bits.
            scale: r.
            more_border: Pixels to cut off on every side beyond the protocol's border.

        Returns:
            Two of (B,3,H-2·border,W-2·border) in 0…255.
        """
        # Dividing 8-bit values by 255 and multiplying them again does not give whole numbers.
        sr, hr = sr.double().clamp(0, 1) * 255, round_to_8_bit(hr.double() * 255)
        if self.round_to_8_bit:
            sr = round_to_8_bit(sr)
        border = math.ceil(scale) + more_border
        inner = (..., slice(border, -border), slice(border, -border))
        return sr[inner], hr[inner]

    def to_luma(self, rgb: Tensor, gray: bool) -> Tensor:
        """Luma of an image in 0…255: (B,3,H,W) → (B,1,H,W).

        By default a single-channel file is its own luma, as in MATLAB, where such an image is not converted. Papers
        that read it as colour get limited-range values there, and a PSNR higher by 20·log10(255/219) = 1.32 dB for
        that image (on Set14, which holds one, 0.09 dB in the mean).
        """
        if gray and self.gray_is_luma:
            return rgb[:, :1]
        if self.luma is None:
            return rgb_to_y(rgb / 255)
        return (rgb * rgb.new_tensor(self.luma).view(3, 1, 1)).sum(1, keepdim=True)

    def score(self, sr: Tensor, hr: Tensor, scale: float, gray: bool) -> dict[str, Tensor]:
        """Measures each image.

        Args:
            sr: (B,3,H,W) in [0,1], may overshoot.
            hr: (B,3,H,W) in [0,1].
            scale: r.
            gray: Whether the HR files hold a single channel.

        Returns:
            (B,) per column, in double precision.

        Raises:
            InputError: If nothing, or too little for SSIM, is left inside the border.
        """
        if min(hr.shape[-2:]) < (least := self.least_side(scale)):
            raise InputError(
                f"protocol {self.name} needs {least} pixels or more on each side at ×{scale:g}, not "
                f"{hr.shape[-1]}×{hr.shape[-2]}; remove such images"
            )
        inner = self.rgb(sr, hr, scale)
        y = [self.to_luma(image, gray) for image in inner]
        inner_rgb = self.rgb(sr, hr, scale, self.more_border_rgb) if self.more_border_rgb else inner
        measures = {"psnr_y": (psnr, y), "ssim_y": (ssim, y), "psnr_rgb": (psnr, inner_rgb), "ssim_rgb": (ssim, inner)}
        return {column: measures[column][0](*measures[column][1]) for column in self.columns}

    def least_side(self, scale: float) -> int:
        """Pixels that an HR image has on its shorter side at least, so that enough for SSIM is left in the border."""
        inside = SSIM_WINDOW if any(column.startswith("ssim") for column in self.columns) else 1
        return inside + 2 * (math.ceil(scale) + self.more_border_rgb)


STANDARD = Protocol("standard")
"""The one of the SR literature: LR by MATLAB's imresize, 8-bit rounding, r pixels of border, luma."""

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        STANDARD,
        Protocol("basicsr", gray_is_luma=False),
        Protocol(
            "liif",
            columns=("psnr_y", "psnr_rgb"),
            round_to_8_bit=False,
            gray_is_luma=False,
            luma=_LIIF_LUMA,
            more_border_rgb=6,
            made_by="pil",
        ),
        Protocol("rgb", columns=("psnr_rgb", "ssim_rgb")),
    )
}
"""All protocols by name. ``basicsr`` is ``standard`` with gray files read as colour, as papers based on BasicSR do.

``liif`` is that of LIIF's ``calc_psnr``: psnr_y as on its benchmarks (border r), psnr_rgb as on DIV2K (border r + 6),
without 8-bit rounding; its LR images are MATLAB's at ×2, ×3 and ×4 and Pillow's beyond, as in its configurations.
``rgb`` is ``standard`` over all three channels, SSIM as their mean.
"""


def find_protocol(name: str) -> Protocol:
    """The protocol of a name, without marks.

    Raises:
        InputError: If there is none.
    """
    if name not in PROTOCOLS:
        raise InputError(f"protocol={name}: there are {', '.join(PROTOCOLS)}{did_you_mean(name, PROTOCOLS)}")
    return PROTOCOLS[name]
