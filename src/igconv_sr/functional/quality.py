"""PSNR and SSIM per image, as MATLAB-based SR benchmarks define them; torchmetrics does the arithmetic."""

from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from igconv_sr.errors import InputError

SSIM_WINDOW = 11
_MARGIN = SSIM_WINDOW // 2


def psnr(sr: Tensor, hr: Tensor) -> Tensor:
    """PSNR of each image in dB, peak 255; infinite for equal images.

    Args:
        sr: (B,C,H,W) in 0…255.
        hr: Same shape and range.

    Returns:
        (B,) in the dtype of the images.
    """
    value = peak_signal_noise_ratio(sr, hr, data_range=255.0, reduction="none", dim=(1, 2, 3))
    return value.reshape(sr.shape[0])


def ssim(sr: Tensor, hr: Tensor) -> Tensor:
    """SSIM of each image: 11×11 Gaussian window of σ 1.5, K = (.01, .03), valid region only.

    torchmetrics pads the border; averaging its map over the inner part is the valid region.

    Args:
        sr: (B,C,H,W) in 0…255, H and W at least 11.
        hr: Same shape and range.

    Returns:
        (B,) in the dtype of the images.

    Raises:
        InputError: If the images are smaller than the window.
    """
    if min(sr.shape[-2:]) < SSIM_WINDOW:
        raise InputError(
            f"SSIM needs images of at least {SSIM_WINDOW}×{SSIM_WINDOW} pixels inside the border, "
            f"got {sr.shape[-2]}×{sr.shape[-1]}"
        )
    result = structural_similarity_index_measure(
        sr,
        hr,
        data_range=255.0,
        sigma=1.5,
        kernel_size=SSIM_WINDOW,
        reduction="none",
        return_full_image=True,
    )
    assert isinstance(result, tuple)
    inner = result[1][..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return inner.mean(dim=(1, 2, 3))
