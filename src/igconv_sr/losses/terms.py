"""Loss terms: each gives one value per image, so that images of every scale weigh the same."""

from collections.abc import Callable

import torch
from torch import Tensor


def l1(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute difference of each image.

    Args:
        sr: (B,3,H,W) in [0,1].
        hr: Same shape and range.

    Returns:
        (B,).
    """
    return (sr - hr).abs().mean(dim=(1, 2, 3))


def frequency(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute difference of the real and imaginary parts of both spectra (IGConv+, rfft2, unnormalised).

    The transform is linear, so the difference is transformed once. Runs in float32 also under autocast: half
    precision takes power-of-two sizes only.

    Args:
        sr: (B,3,H,W) in [0,1].
        hr: Same shape and range.

    Returns:
        (B,).
    """
    with torch.autocast(sr.device.type, enabled=False):
        spectrum = torch.fft.rfft2(sr.float() - hr.float())
        return torch.view_as_real(spectrum).abs().mean(dim=(1, 2, 3, 4))


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "frequency": frequency}
