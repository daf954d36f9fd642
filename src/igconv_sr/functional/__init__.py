"""Pure functions on tensors."""

from igconv_sr.functional.colour import rgb_to_y
from igconv_sr.functional.dihedral import dihedral_inverse, dihedral_mean, dihedral_transform
from igconv_sr.functional.imresize import imresize, imresize_uint8
from igconv_sr.functional.paired_size import output_size, paired_size
from igconv_sr.functional.quality import psnr, ssim

__all__ = [
    "dihedral_inverse",
    "dihedral_mean",
    "dihedral_transform",
    "imresize",
    "imresize_uint8",
    "output_size",
    "paired_size",
    "psnr",
    "rgb_to_y",
    "ssim",
]
