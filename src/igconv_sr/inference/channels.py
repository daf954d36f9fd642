"""Pixels as networks take them: colour and alpha apart, RGB, in [0,1].

Legend: H and W size of an image, C channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = {torch.uint8: 255, torch.uint16: 65535}
"""The value of white; floating-point values lie in [0,1]."""


def has_alpha(channels: int) -> bool:
    """Whether the last channel is alpha."""
    return channels in (2, 4)


def to_unit(pixels: Tensor) -> Tensor:
    """(H,W,C) of any type to (1,C,H,W) float32 in [0,1]."""
    values = pixels.movedim(-1, 0)[None].to(torch.float32)
    return values / LARGEST.get(pixels.dtype, 1)


def from_unit(values: Tensor, dtype: torch.dtype) -> Tensor:
    """(1,C,H,W) to (H,W,C), clamped to [0,1]; whole numbers are rounded half up."""
    values = values[0].movedim(0, -1).clamp(0, 1)
    if dtype not in LARGEST:
        return values.to(dtype)
    # By way of int32: not every operation knows uint16.
    return (values * LARGEST[dtype] + 0.5).to(torch.int32).to(dtype)


def as_rgb(colour: Tensor) -> Tensor:
    """(1,1 or 3,H,W) to (1,3,H,W): gray three times."""
    return colour.expand(-1, 3, -1, -1)


def as_before(rgb: Tensor, channels: int) -> Tensor:
    """(1,3,H,W) to as many colour channels as the source has: gray is the mean of the three."""
    return rgb if channels >= 3 else rgb.mean(dim=1, keepdim=True)


_FLAT = 2
"""LR pixels to each side that must have the same alpha for a pixel to keep it."""


def keep_flat(alpha: Tensor, sr: Tensor) -> Tensor:
    """Gives alpha its own value wherever it has no edge nearby: what is transparent or opaque stays so, exactly.

    Args:
        alpha: (1,1,h,w).
        sr: (1,1,r·h,r·w), what a network made of it.
    """
    side = 2 * _FLAT + 1
    padded = F.pad(alpha, (_FLAT,) * 4, mode="replicate")
    largest, least = F.max_pool2d(padded, side, stride=1), -F.max_pool2d(-padded, side, stride=1)
    flat = torch.where(largest == least, alpha, torch.nan)
    known = F.interpolate(flat, size=sr.shape[-2:], mode="nearest-exact")
    return torch.where(known.isnan(), sr, known)


def fill_transparent(pixels: Tensor) -> Tensor:
    """Gives fully transparent pixels of (H,W,2 or 4) the colour of the nearest one that shows.

    What lies below them is arbitrary, often black, and would bleed into the edges of what shows.
    """
    hidden = (pixels[..., -1] == 0).cpu().numpy()
    if not hidden.any() or hidden.all():
        return pixels
    from scipy.ndimage import distance_transform_edt  # takes as long to import as most pictures take

    rows, columns = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled = pixels.cpu().numpy().copy()
    filled[hidden, :-1] = filled[rows[hidden], columns[hidden], :-1]
    return torch.from_numpy(np.ascontiguousarray(filled)).to(pixels.device)
