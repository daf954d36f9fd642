"""PSNR and SSIM per image, as MATLAB-based SR benchmarks define them."""

import torch
from torch import Tensor

from igconv_sr.errors import InputError

SSIM_WINDOW = 11
_SIGMA = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(sr: Tensor, hr: Tensor) -> Tensor:
    """PSNR of each image in dB, peak 255; infinite for equal images.

    Args:
        sr: (B,C,H,W) in 0…255.
        hr: Same shape and range.

    Returns:
        (B,) in the dtype of the images.
    """
    # Takes as long to import as torch, and loading a network needs none of it.
    from torchmetrics.functional.image import peak_signal_noise_ratio

    value = peak_signal_noise_ratio(sr, hr, data_range=255.0, reduction="none", dim=(1, 2, 3))
    return value.reshape(sr.shape[0])


def ssim(sr: Tensor, hr: Tensor) -> Tensor:
    """SSIM of each image: 11×11 Gaussian window of σ 1.5, K = (.01, .03), valid region only.

    Ours because the libraries are slow in double precision, for which there is no fast convolution: torchmetrics
    slides the whole window, kornia its two halves; both take many times as long for the same value.

    Args:
        sr: (B,C,H,W) in 0…255, H and W at least 11.
        hr: Same shape and range.

    Returns:
        (B,), the mean over channels and pixels, in the dtype of the images.

    Raises:
        InputError: If the images are smaller than the window.
    """
    if min(sr.shape[-2:]) < SSIM_WINDOW:
        raise InputError(
            f"SSIM needs images of at least {SSIM_WINDOW}×{SSIM_WINDOW} pixels inside the border, "
            f"got {sr.shape[-2]}×{sr.shape[-1]}"
        )
    mean_sr, mean_hr = _blur(sr), _blur(hr)
    means = mean_sr * mean_hr
    squares = mean_sr.square() + mean_hr.square()
    covariance = _blur(sr * hr) - means
    variances = _blur(sr.square() + hr.square()) - squares
    similarity = (2 * means + _C1) * (2 * covariance + _C2) / ((squares + _C1) * (variances + _C2))
    return similarity.mean(dim=(1, 2, 3))


def _blur(image: Tensor) -> Tensor:
    """Gaussian-weighted mean of each window: (B,C,H,W) → (B,C,H-10,W-10).

    Sums shifted views, one axis after the other.
    """
    axis = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    gaussian = torch.exp(-axis.square() / (2 * _SIGMA**2))
    weights = (gaussian / gaussian.sum()).tolist()
    for dim in (-2, -1):
        size = image.shape[dim] - SSIM_WINDOW + 1
        blurred = image.narrow(dim, 0, size) * weights[0]
        for shift, weight in enumerate(weights[1:], start=1):
            blurred.add_(image.narrow(dim, shift, size), alpha=weight)
        image = blurred
    return image
