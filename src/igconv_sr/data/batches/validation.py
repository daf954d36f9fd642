"""How validation images are degraded: by the rule of the training, with a fixed draw.

Only bicubic by MATLAB, which ``matlab_fast`` is within 1 of 255 of, needs no mention. Other rules are another task and
stand behind the name of the images, as in ``folder (pil)``.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from igconv_sr.data.batches.degradation import BatchDegradation
from igconv_sr.errors import InputError
from igconv_sr.functional.paired_size import larger, paired_size
from igconv_sr.pictures.decoding import read_size

MADE = ("pil", "blur_downscale_noise")
"""Degradations of their own that make validation images too."""

_NAMED = re.compile(rf" \((paired|{'|'.join(MADE)})\)$")


def named_by(name: str, degradation: str) -> str:
    """The name of images that are degraded in some way.

    Example:
        >>> named_by("folder", "pil"), named_by("folder", "matlab_fast")
        ('folder (pil)', 'folder')
    """
    suffix = f" ({degradation})"
    return name + suffix if _NAMED.search(suffix) else name


def kind_of(benchmark: str) -> str:
    """What :func:`named_by` put behind a name; empty for bicubic by MATLAB.

    Example:
        >>> kind_of("folder (pil)"), kind_of("Set5")
        (' (pil)', '')
    """
    found = _NAMED.search(benchmark)
    return found[0] if found else ""


def check_recomputable(benchmark: str) -> None:
    """Refuses images whose LR versions only their training can make.

    Raises:
        InputError: If the benchmark is such.
    """
    found = _NAMED.search(benchmark)
    if found and found[1] in MADE:
        raise InputError(f"LR images of {benchmark} were made by its training alone and cannot be computed again here")


def degrade_whole(hr: Tensor, scale: float, degradation: BatchDegradation) -> Tensor:
    """The LR version of a whole image; what is drawn hangs on its pixels and the scale alone.

    Args:
        hr: (1,3,H,W) uint8 on the CPU, H and W multiples of p.
        scale: r = p/q.
        degradation: What the training's LR patches are made by.

    Returns:
        (1,3,H/r,W/r) uint8.
    """
    pixels = hr[0].permute(1, 2, 0).numpy()
    margin = larger(degradation.margin_at(scale), scale)
    around = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    return degradation(torch.from_numpy(around).permute(2, 0, 1)[None], scale, [fixed_seed(hr, scale)])


def fixed_seed(hr: Tensor, scale: float) -> int:
    """The seed of the one draw for an image at a scale, 0 or more."""
    digest = hashlib.blake2b(hr.contiguous().numpy().tobytes(), digest_size=7, salt=f"{scale:.12g}".encode())
    return int.from_bytes(digest.digest(), "little")


def check_sizes(lr_files: Mapping[float, Mapping[Path, Path]]) -> None:
    """Compares the sizes of validation pairs before the training starts, by the headers of the files.

    Raises:
        InputError: If an LR image has another size than its HR image divided by the scale, remainders left out.
    """
    for scale, pairs in lr_files.items():
        for hr, lr in pairs.items():
            be = read_size(lr)
            should = tuple(paired_size(size, scale)[0] for size in read_size(hr))
            if be != should:
                raise InputError(
                    f"data.degradation=paired: {lr} has {be[0]}×{be[1]} pixels; for ×{scale:g} of {hr} it must have "
                    f"{should[0]}×{should[1]}"
                )
