"""Scoring an image in double precision: our SSIM against torchmetrics', averaged over the same valid region."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from igconv_sr.functional.quality import ssim
from igconv_sr.measure.comparison import Comparison


def ssim_against_torchmetrics(side: int = 512) -> Comparison:
    """SSIM of the luma of an image of Set14's size and a noisy copy."""
    hr = torch.rand(1, 1, side, side, dtype=torch.float64) * 255
    sr = hr + torch.randn_like(hr)

    def ours() -> Sequence[Tensor]:
        return (ssim(sr, hr),)

    def reference() -> Sequence[Tensor]:
        result = structural_similarity_index_measure(
            sr, hr, data_range=255.0, sigma=1.5, kernel_size=11, reduction="none", return_full_image=True
        )
        assert isinstance(result, tuple)
        return (result[1][..., 5:-5, 5:-5].mean(dim=(1, 2, 3)),)

    return Comparison(f"SSIM / torchmetrics: {side}×{side}, double precision", ours, reference, limit=0.2)
