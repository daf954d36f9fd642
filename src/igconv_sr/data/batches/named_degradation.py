"""The degradations by the names that ``data.degradation`` takes, and what of them stands in results.

Validation images are degraded by the rule of the training, with a fixed draw. Only bicubic by MATLAB, which
``matlab_fast`` is within 1 of 255 of, needs no mention. Other rules are another task and stand behind the name of the
images, as in ``folder (pil)``.
"""

import re
from collections.abc import Mapping

from igconv_sr.data.batches.blur_downscale_noise import BlurDownscaleNoise
from igconv_sr.data.batches.degradation import MATLAB, Degradation, MatlabFast, Pil
from igconv_sr.data.batches.lr_files import Paired
from igconv_sr.data.images.store import ImageSource
from igconv_sr.errors import InputError, did_you_mean

DEFAULT_DEGRADATION = "matlab"
DEGRADATIONS = (DEFAULT_DEGRADATION, "matlab_fast", "pil", "paired", "blur_downscale_noise")

_MADE = ("pil", "blur_downscale_noise")
"""Degradations of their own that make validation images too."""

_NAMED = re.compile(rf" \((paired|{'|'.join(_MADE)})\)$")


def check_degradation(name: str) -> None:
    """Refuses unknown names.

    Raises:
        InputError: If there is no such degradation.
    """
    if name not in DEGRADATIONS:
        raise InputError(
            f"data.degradation={name}: there is no such degradation{did_you_mean(name, DEGRADATIONS)}; choices: "
            f"{', '.join(DEGRADATIONS)}"
        )


def named_degradation(
    name: str, hr: ImageSource, lr: Mapping[float, ImageSource], blur_downscale_noise: BlurDownscaleNoise | None
) -> Degradation:
    """The degradation of a name.

    Args:
        name: One of :data:`DEGRADATIONS`.
        hr: The HR images, for ``paired``.
        lr: Per scale the LR images, for ``paired``.
        blur_downscale_noise: For that name.

    Raises:
        InputError: If an LR image does not fit its HR image.
    """
    match name:
        case "matlab_fast":
            return MatlabFast()
        case "pil":
            return Pil()
        case "paired":
            return Paired(hr, lr)
        case "blur_downscale_noise":
            if blur_downscale_noise is None:
                raise InputError("data.degradation=blur_downscale_noise needs its keys in data.blur_downscale_noise")
            return blur_downscale_noise
        case _:
            return MATLAB


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
    if found and found[1] in _MADE:
        raise InputError(f"LR images of {benchmark} were made by its training alone and cannot be computed again here")
