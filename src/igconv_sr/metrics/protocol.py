"""How a super-resolved image is compared with the original; a number means nothing without it."""

from dataclasses import dataclass

from torch import Tensor

from igconv_sr.functional.colour import rgb_to_y
from igconv_sr.functional.imresize import round_to_8_bit


@dataclass(frozen=True)
class Protocol:
    """A way of comparing; its name is stored with every number.

    Attributes:
        name: As it appears in results.
        round_to_8_bit: Whether SR is rounded to 8 bit, as a saved picture is.
        border_per_scale: Pixels cut off on every side, in units of the scale.
    """

    name: str
    round_to_8_bit: bool
    border_per_scale: int

    def rgb(self, sr: Tensor, hr: Tensor, scale: int) -> tuple[Tensor, Tensor]:
        """Both images as compared, in double precision.

        Args:
            sr: (B,3,H,W) in [0,1], may overshoot.
            hr: (B,3,H,W) in [0,1].
            scale: r.

        Returns:
            Two of (B,3,H-2·border,W-2·border) in 0…255.
        """
        sr, hr = sr.double().clamp(0, 1) * 255, hr.double() * 255
        if self.round_to_8_bit:
            sr = round_to_8_bit(sr)
        border = self.border_per_scale * scale
        inner = (..., slice(border, -border or None), slice(border, -border or None))
        return sr[inner], hr[inner]


STANDARD = Protocol("standard", round_to_8_bit=True, border_per_scale=1)
"""The one of the SR literature: LR by MATLAB's imresize, 8-bit rounding, r pixels of border, luma."""


def luma(rgb: Tensor, gray: bool) -> Tensor:
    """Luma of an image in 0…255: (B,3,H,W) → (B,1,H,W).

    A single-channel file is its own luma, as in MATLAB, where such an image is not converted. Papers that read it as
    colour get limited-range values there, and a PSNR higher by 20·log10(255/219) = 1.32 dB for that image (on
    Set14, which holds one, 0.09 dB in the mean).
    """
    return rgb[:, :1] if gray else rgb_to_y(rgb / 255)
