"""MATLAB's bicubic ``imresize`` on batched tensors: the reduction every SR benchmark is made with.

torch's antialiased bicubic has MATLAB's kernel (a = -0.5, widened by the factor when reducing) but no
mirrored border, so the image is padded symmetrically first; the 8-bit variant also rounds between
the two passes, rows first, as MATLAB does for uint8.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from igconv_sr.functional.padding import mirror_indices
from igconv_sr.functional.paired_size import smaller
from igconv_sr.scale import Scale

_LARGEST_DENOMINATOR = 64

KERNEL_REACH = 2
"""LR pixels around a pixel that the bicubic kernel takes in when reducing (its support is ±2·r HR pixels)."""

EXACT_IN_FIXED_POINT = (2, 3, 4, 8)
"""Factors at which torch's 8-bit resize, whose weights are whole multiples of 2^-16 or finer, rounds as exact
arithmetic does.

For 2, 4 and 8 the weights are such multiples, so that every sum is exact. For 3 they are -1, -2, 0, 9, 21, 27, 21, 9,
0, -2, -1 parts of 81: a sum of bytes lies 1/162 = .0062 or more from the nearest half, and the rounded weights are
off by at most .0052 in sum. Other factors have weights that no binary fraction comes near enough to.
"""


def imresize(image: Tensor, scale: float) -> Tensor:
    """MATLAB's ``imresize(image, scale)`` for floating-point images.

    Args:
        image: (B,C,H,W), floating point, any value range.
        scale: Factor > 0, taken as the nearest fraction with a denominator of at most 64;
            1/3 reduces to a third, 2 enlarges to the double.

    Returns:
        (B,C,ceil(H*scale),ceil(W*scale)), not clamped (bicubic overshoots at edges).

    Raises:
        ValueError: If ``scale`` is not positive or the image is not floating point.
    """
    if not image.is_floating_point():
        raise ValueError(f"imresize takes a floating-point image, got {image.dtype}; see imresize_uint8")
    factor = _as_fraction(scale)
    return _resize_axis(_resize_axis(image, -2, factor), -1, factor)


def imresize_uint8(image: Tensor, scale: float) -> Tensor:
    """MATLAB's ``imresize`` of a uint8 image, equal bit for bit when reducing to a half, a third or a quarter.

    At 1/1.5 and the like about one value in a thousand ends at a half in exact arithmetic; it may come out 1 off.

    Args:
        image: (B,C,H,W) uint8.
        scale: As for :func:`imresize`.

    Returns:
        (B,C,ceil(H*scale),ceil(W*scale)) uint8.

    Raises:
        ValueError: If ``scale`` is not positive or the image is not uint8.
    """
    if image.dtype != torch.uint8:
        raise ValueError(f"imresize_uint8 takes a uint8 image, got {image.dtype}; see imresize")
    factor = _as_fraction(scale)
    rows = round_to_8_bit(_resize_axis(image.float(), -2, factor))
    return round_to_8_bit(_resize_axis(rows, -1, factor)).to(torch.uint8)


def reduce_crop_uint8(crop: Tensor, scale: Scale, margin: int) -> Tensor:
    """Reduces a crop that carries its own margin, equal bit for bit to reducing the whole image.

    Where q is no power of two, the places of LR pixels are no binary fractions. Far from the origin of the image they
    are rounded otherwise than in a crop, and where exact arithmetic ends at a half or next to it, rarely, a value may
    come out 1 of 255 off.

    Args:
        crop: (B,C,(H+2·margin)·r,(W+2·margin)·r) uint8, starting at a multiple of p.
        scale: r = p/q; the result is r times smaller.
        margin: LR pixels on each side that are cut off again, a multiple of q, at least :data:`KERNEL_REACH`.

    Returns:
        (B,C,H,W) uint8.
    """
    if crop.device.type == "cpu" and scale in EXACT_IN_FIXED_POINT:
        return reduce_crop_fixed_point(crop, scale, margin)
    height, width = (smaller(size, scale) for size in crop.shape[-2:])
    rows = round_to_8_bit(interpolate(crop.float(), (height, crop.shape[-1])))
    rows = rows[..., margin:-margin, :]
    both = interpolate(rows, (height - 2 * margin, width))[..., margin:-margin]
    # Becoming an integer cuts the fraction off, as rounding down does.
    return both.add(0.5).clamp_(0, 255).to(torch.uint8)


def reduce_crop_fixed_point(crop: Tensor, scale: Scale, margin: int) -> Tensor:
    """As :func:`reduce_crop_uint8` in torch's 8-bit arithmetic, several times faster when the channels come last.

    It exists on the CPU only. Equal at the factors of :data:`EXACT_IN_FIXED_POINT`, within 1 of 255 at others.
    """
    rows, _, *size = crop.shape
    height, width = (smaller(side, scale) for side in size)
    # One below the other as a single image: what the kernel takes from a neighbour goes into the margin alone.
    tall = rearrange(rearrange(crop, "b c h w -> (b h) w c"), "h w c -> 1 c h w")
    tall = interpolate(interpolate(tall, (rows * height, size[1])), (rows * height, width))
    return rearrange(tall, "1 c (b h) w -> b c h w", b=rows)[..., margin:-margin, margin:-margin]


def reduce_crop(crop: Tensor, scale: Scale, margin: int) -> Tensor:
    """As :func:`reduce_crop_uint8` for floating-point values of any range, without rounding or clamping."""
    size = [smaller(side, scale) for side in crop.shape[-2:]]
    return interpolate(crop, size)[..., margin:-margin, margin:-margin]


def round_to_8_bit(image: Tensor) -> Tensor:
    """Rounds values in 0…255 half up and clamps them; stays floating point."""
    return image.add(0.5).floor_().clamp_(0, 255)


def _as_fraction(scale: float) -> Fraction:
    factor = Fraction(scale).limit_denominator(_LARGEST_DENOMINATOR)
    if factor <= 0:
        raise ValueError(f"the scale of imresize must be positive, got {scale}")
    return factor


def _resize_axis(image: Tensor, axis: int, factor: Fraction) -> Tensor:
    size, step = image.shape[axis], factor.denominator
    # Whole output pixels of padding on the left keep the sampling grid where MATLAB puts it.
    left = 8 * step
    right = left + (-size) % step
    padded = image.index_select(axis, mirror_indices(size, left, right, "symmetric", image.device))
    target = list(padded.shape[-2:])
    target[axis] = int(padded.shape[axis] * factor)
    resized = interpolate(padded, target)
    return resized.narrow(axis, int(left * factor), math.ceil(size * factor))


def interpolate(image: Tensor, size: Sequence[int]) -> Tensor:
    """Antialiased bicubic interpolation of (B,C,H,W) to another height and width, right for a single column too."""
    if image.shape[-1] == size[-1] == 1:
        # Of a single column of floating-point numbers torch 2.13 makes one value.
        return interpolate(image.expand(*image.shape[:-1], 2), (size[0], 2))[..., :1]
    if image.dtype in (torch.float16, torch.bfloat16):  # which a processor cannot interpolate
        return interpolate(image.float(), size).to(image.dtype)
    return F.interpolate(image, list(size), mode="bicubic", align_corners=False, antialias=True)
