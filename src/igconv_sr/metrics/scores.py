"""Mean PSNR and SSIM per benchmark and scale, over images and over ranks."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from igconv_sr.functional.quality import psnr, ssim
from igconv_sr.metrics.protocol import Protocol, luma


class Score(NamedTuple):
    """Means over the images of one benchmark at one scale.

    Attributes:
        benchmark: Name of the benchmark.
        scale: r.
        images: How many.
        psnr_y: In dB, on luma.
        ssim_y: On luma.
        psnr_rgb: In dB, over all three channels.
    """

    benchmark: str
    scale: int
    images: int
    psnr_y: float
    ssim_y: float
    psnr_rgb: float


class BenchmarkScores(Metric):
    """Collects the scores of all benchmarks and scales; the sums are added up over the ranks.

    Args:
        benchmarks: Names, in the order of the results.
        scales: Scales, likewise.
        protocol: How images are compared.

    Raises:
        InputError: On update, if an image is too small for the protocol.
    """

    full_state_update = False
    sums: Tensor
    images: Tensor

    def __init__(self, benchmarks: Sequence[str], scales: Sequence[int], protocol: Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.cells = [(benchmark, scale) for benchmark in benchmarks for scale in scales]
        self.add_state("sums", torch.zeros(len(self.cells), 3, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros(len(self.cells), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, benchmark: str, scale: int, sr: Tensor, hr: Tensor, gray: bool = False) -> None:
        """Adds images.

        Args:
            benchmark: Name of the benchmark.
            scale: r.
            sr: (B,3,H,W) in [0,1], may overshoot.
            hr: (B,3,H,W) in [0,1].
            gray: Whether the HR files hold a single channel.
        """
        sr, hr = self.protocol.rgb(sr, hr, scale)
        sr_y, hr_y = luma(sr, gray), luma(hr, gray)
        values = torch.stack((psnr(sr_y, hr_y), ssim(sr_y, hr_y), psnr(sr, hr)), dim=1)
        cell = self.cells.index((benchmark, scale))
        self.sums[cell] += values.sum(dim=0)
        self.images[cell] += len(values)

    def compute(self) -> list[Score]:
        """The means, for every benchmark and scale that has been seen."""
        means = (self.sums / self.images.unsqueeze(1)).tolist()
        counts = self.images.tolist()
        return [
            Score(benchmark, scale, count, *mean)
            for (benchmark, scale), count, mean in zip(self.cells, counts, means, strict=True)
            if count
        ]
