"""The degradations by the names that ``data.degradation`` takes."""

from collections.abc import Mapping

from igconv_sr.data.batches.blur_downscale_noise import BlurDownscaleNoise
from igconv_sr.data.batches.degradation import MATLAB, Degradation, MatlabFast, Pil
from igconv_sr.data.batches.lr_files import Paired
from igconv_sr.data.images.store import ImageSource
from igconv_sr.errors import InputError, did_you_mean

DEFAULT_DEGRADATION = "matlab"
DEGRADATIONS = (DEFAULT_DEGRADATION, "matlab_fast", "pil", "paired", "blur_downscale_noise")


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
        InputError: If there is no such degradation, or an LR image does not fit its HR image.
    """
    check_degradation(name)
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
