"""Luma, PSNR and SSIM against their formulas and scikit-image, in float64."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from igconv_sr.errors import InputError
from igconv_sr.functional import psnr, rgb_to_y, ssim


def pair(*shape: int, noise: float = 12.0) -> tuple[Tensor, Tensor]:
    """A smooth picture with texture and its noisy copy, (B,C,H,W) in 0…255, float64."""
    random = np.random.default_rng(sum(shape))
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    picture = 120 + 80 * np.sin(x / 5 + y / 9) + random.normal(0, 15, shape)
    copy = picture + random.normal(0, noise, shape)
    return tuple(torch.from_numpy(image.clip(0, 255)) for image in (copy, picture))  # type: ignore[return-value]


def explicit_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Wang et al. 2004, one explicit 11×11 window after the other."""
    axis = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / axis.sum() ** 2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for top in range(first.shape[0] - 10):
        for left in range(first.shape[1] - 10):
            a, b = first[top : top + 11, left : left + 11], second[top : top + 11, left : left + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            structure = (2 * covariance + c2) / (var_a + var_b + c2)
            values.append((2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1) * structure)
    return float(np.mean(values))


@pytest.mark.parametrize("channels", [1, 3])
def test_psnr_is_the_formula_for_each_image_alone(channels: int) -> None:
    sr, hr = pair(3, channels, 12, 17)
    sr[1] = hr[1] + 0.5 * (sr[1] - hr[1])
    for value, a, b in zip(psnr(sr, hr), sr.numpy(), hr.numpy(), strict=True):
        assert value.item() == pytest.approx(10 * math.log10(255**2 / np.mean((a - b) ** 2)), abs=2e-6)


def test_psnr_of_equal_images_is_infinite() -> None:
    image = torch.full((2, 1, 4, 4), 17.0, dtype=torch.float64)
    assert psnr(image, image).tolist() == [math.inf, math.inf]


def test_ssim_equals_scikit_image_on_the_valid_region() -> None:
    sr, hr = pair(2, 1, 31, 40)
    for value, a, b in zip(ssim(sr, hr), sr.numpy(), hr.numpy(), strict=True):
        expected = structural_similarity(
            a[0], b[0], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert value.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("shape", [(1, 1, 96, 133), (3, 1, 41, 30), (2, 3, 50, 64)], ids=str)
@pytest.mark.parametrize("noise", [0.0, 0.7, 12.0])
def test_ssim_equals_the_inner_part_of_torchmetrics(shape: tuple[int, ...], noise: float) -> None:
    sr, hr = (image.round() for image in pair(*shape, noise=noise))
    _, similarity = structural_similarity_index_measure(
        sr, hr, data_range=255.0, sigma=1.5, kernel_size=11, reduction="none", return_full_image=True
    )
    expected = similarity[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))
    assert torch.allclose(ssim(sr, hr), expected, rtol=0, atol=1e-12)
    assert (noise == 0) == bool((ssim(sr, hr) == 1).all())


@pytest.mark.parametrize("size", [(11, 11), (13, 16)], ids=str)
def test_ssim_equals_explicit_windows_down_to_one_window(size: tuple[int, int]) -> None:
    sr, hr = pair(1, 1, *size)
    assert ssim(sr, hr).item() == pytest.approx(explicit_ssim(sr[0, 0].numpy(), hr[0, 0].numpy()), abs=1e-10)


def test_ssim_of_images_under_the_window_is_refused() -> None:
    image = torch.zeros(1, 1, 10, 40, dtype=torch.float64)
    with pytest.raises(InputError, match="11×11"):
        ssim(image, image)


def test_luma_is_the_formula() -> None:
    image = torch.rand(2, 3, 5, 4, dtype=torch.float64)
    red, green, blue = np.moveaxis(image.numpy(), 1, 0)
    expected = 16 + (65.481 * red + 128.553 * green + 24.966 * blue)
    np.testing.assert_allclose(rgb_to_y(image)[:, 0].numpy(), expected, rtol=0, atol=1e-12)


def test_luma_spans_16_to_235() -> None:
    black_white = torch.tensor([0.0, 1.0], dtype=torch.float64).expand(1, 3, 1, 2)
    assert rgb_to_y(black_white).flatten().tolist() == pytest.approx([16, 235], abs=1e-12)
