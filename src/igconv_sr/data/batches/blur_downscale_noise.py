"""LR patches worse than bicubic ones: blurred, reduced, with noise and JPEG artefacts.

Legend: n side of the LR patch, m margin in LR pixels, r = p/q scale, k side of the blur kernel.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from igconv_sr.data.batches.degradation import BatchDegradation
from igconv_sr.errors import InputError
from igconv_sr.functional.imresize import KERNEL_REACH, reduce_crop, round_to_8_bit
from igconv_sr.functional.paired_size import aligned, larger

_REACH_OF_GAUSSIAN = 3
"""Standard deviations at which a blur kernel is cut off."""


class BlurDownscaleNoise(BatchDegradation):
    """Gaussian blur, bicubic reduction, Gaussian or Poisson noise, JPEG; all drawn anew for each row.

    Rows are computed one by one, so that their bits depend on nothing beside them. What is drawn is a function of the
    row's seed; the noise also of the kind of device, CPU or GPU.

    Args:
        blur_sigma: Least and largest standard deviation of the blur in LR pixels, so that all scales are blurred alike.
        isotropic_probability: Share of rows blurred alike in all directions; others have two deviations and an angle.
        gaussian_sigma: Least and largest standard deviation of Gaussian noise, in levels of 255.
        poisson_probability: Share of rows with Poisson noise instead of Gaussian.
        poisson_photons: Least and largest number of photons that make a pixel white; fewer are noisier. Drawn evenly
            on a logarithmic scale.
        jpeg_probability: Share of rows that are compressed.
        jpeg_quality: Least and largest JPEG quality, 1 to 100.

    Raises:
        InputError: If a value lies outside its range.
    """

    def __init__(
        self,
        blur_sigma: Sequence[float],
        isotropic_probability: float,
        gaussian_sigma: Sequence[float],
        poisson_probability: float,
        poisson_photons: Sequence[float],
        jpeg_probability: float,
        jpeg_quality: Sequence[float],
    ) -> None:
        self.blur_sigma = _interval("blur_sigma", blur_sigma, 0.01, 8)
        self.isotropic_probability = _probability("isotropic_probability", isotropic_probability)
        self.gaussian_sigma = _interval("gaussian_sigma", gaussian_sigma, 0, 255)
        self.poisson_probability = _probability("poisson_probability", poisson_probability)
        self.poisson_photons = _interval("poisson_photons", poisson_photons, 1, 1e6)
        self.jpeg_probability = _probability("jpeg_probability", jpeg_probability)
        self.jpeg_quality = _interval("jpeg_quality", jpeg_quality, 1, 100)
        self.blur_reach = math.ceil(_REACH_OF_GAUSSIAN * self.blur_sigma[1])
        self.margin = self.blur_reach + KERNEL_REACH

    def margin_at(self, scale: float) -> int:
        """Whole HR pixels for the blur, and for what reduces thereafter."""
        return aligned(self.blur_reach, scale) + aligned(KERNEL_REACH, scale)

    def __call__(self, crops: Tensor, scale: float, seeds: Sequence[int]) -> Tensor:
        """Degrades each row by its own seed."""
        return torch.cat([self._degrade(crop[None], scale, seed) for crop, seed in zip(crops, seeds, strict=True)])

    def _degrade(self, crop: Tensor, scale: float, seed: int) -> Tensor:
        """(1,3,(n+2m)·r,(n+2m)·r) uint8 to (1,3,n,n) uint8."""
        import kornia  # takes seconds and is needed here alone

        random = np.random.default_rng(seed)
        kernel = self._blur_kernel(scale, random).to(crop.device)
        blurred = kornia.filters.filter2d(crop.float().contiguous(), kernel[None], padding="valid")
        lr = reduce_crop(blurred, scale, aligned(KERNEL_REACH, scale))
        lr = round_to_8_bit(self._add_noise(lr, random))
        if random.random() < self.jpeg_probability:
            quality = torch.tensor([random.uniform(*self.jpeg_quality)], device=lr.device)
            lr = round_to_8_bit(kornia.enhance.jpeg_codec_differentiable(lr / 255, quality) * 255)
        return lr.to(torch.uint8)

    def _blur_kernel(self, scale: float, random: np.random.Generator) -> Tensor:
        """(k,k) in HR pixels, sum 1: a Gaussian of two standard deviations, turned by an angle."""
        first, second = random.uniform(*self.blur_sigma, size=2)
        if random.random() < self.isotropic_probability:
            second = first
        angle = random.uniform(0, math.pi)
        reach = larger(aligned(self.blur_reach, scale), scale)
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] / scale
        along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        kernel = np.exp(-((along / first) ** 2 + (across / second) ** 2) / 2)
        return torch.from_numpy((kernel / kernel.sum()).astype(np.float32))

    def _add_noise(self, lr: Tensor, random: np.random.Generator) -> Tensor:
        """(1,3,n,n) in 0…255."""
        generator = torch.Generator(lr.device).manual_seed(int(random.integers(2**63)))
        if random.random() < self.poisson_probability:
            least, largest = self.poisson_photons
            photons = least * (largest / least) ** random.random()
            counted: Tensor = torch.poisson(lr.clamp(0, 255) / 255 * photons, generator)
            return counted * (255 / float(photons))
        sigma = random.uniform(*self.gaussian_sigma)
        return lr + sigma * torch.randn(lr.shape, generator=generator, device=lr.device)


def _interval(key: str, values: Sequence[float], least: float, largest: float) -> tuple[float, float]:
    if len(values) != 2 or not least <= values[0] <= values[1] <= largest:
        raise InputError(
            f"data.blur_downscale_noise.{key}={list(values)} must be two numbers [from,to] within {least:g} and "
            f"{largest:g}"
        )
    return float(values[0]), float(values[1])


def _probability(key: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise InputError(f"data.blur_downscale_noise.{key}={value} must lie between 0 and 1")
    return float(value)
