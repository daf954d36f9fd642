"""The protocol against the published rows of bicubic, and the means against NumPy."""

import csv
import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from conftest import shared
from igconv_sr.data import BenchmarkImages, find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.metrics import STANDARD, BenchmarkScores, Score
from igconv_sr.network import Bicubic


class Published(NamedTuple):
    psnr: float
    ssim: float


def published(benchmark: str, scale: int) -> Published:
    with shared("paper", "published_results.csv").open() as file:
        (row,) = (
            row
            for row in csv.DictReader(file)
            if row["encoder"] == "bicubic" and row["test_set"] == benchmark and row["scale"] == str(scale)
        )
    return Published(float(row["psnr_y"]), float(row["ssim_y"]))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("benchmark", ["Set5", pytest.param("Set14", marks=pytest.mark.slow)])
def test_bicubic_scores_as_published(benchmark: str, scale: int) -> None:
    scores = BenchmarkScores([benchmark], [scale], STANDARD)
    for item in BenchmarkImages([find_benchmark(shared("data", "benchmarks", benchmark))], [scale]):
        sr = Bicubic()(item.lr / 255, scale)
        scores.update(item.benchmark, item.scale, sr, item.hr / 255, item.gray)
    (score,) = scores.compute()
    expected = published(benchmark, scale)
    assert score.psnr_y == pytest.approx(expected.psnr, abs=0.03)
    assert score.ssim_y == pytest.approx(expected.ssim, abs=0.0015)


def pictures(count: int, side: int = 24, seed: int = 0) -> tuple[Tensor, Tensor]:
    """SR that overshoots [0,1] here and there, and 8-bit HR."""
    random = np.random.default_rng(seed)
    hr = random.integers(256, size=(count, 3, side, side)) / 255
    return torch.from_numpy(hr + random.normal(0, 0.1, hr.shape)).float(), torch.from_numpy(hr).float()


def by_hand(sr: Tensor, hr: Tensor, scale: int, gray: bool = False) -> tuple[float, float, float]:
    """One image by METHOD.md, section 5: (PSNR of luma, SSIM of luma, PSNR of RGB)."""
    a, b = (image.double().numpy()[:, scale:-scale, scale:-scale] for image in (sr, hr))
    a, b = np.floor(a.clip(0, 1) * 255 + 0.5), np.round(b * 255)
    weights = np.array([65.481, 128.553, 24.966]) / 255
    y_a, y_b = (image[0] if gray else 16 + np.tensordot(weights, image, axes=1) for image in (a, b))
    similarity = structural_similarity(
        y_a, y_b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    psnr_y, psnr_rgb = (10 * math.log10(255**2 / np.mean((x - y) ** 2)) for x, y in ((y_a, y_b), (a, b)))
    return psnr_y, similarity, psnr_rgb


def assert_means(score: Score, images: list[tuple[float, float, float]]) -> None:
    assert score.images == len(images)
    ours = (score.psnr_y, score.ssim_y, score.psnr_rgb)
    assert ours == pytest.approx(np.mean(images, axis=0), abs=1e-5)


def test_scores_are_means_over_images_whatever_the_updates() -> None:
    sr, hr = pictures(5)
    scores = BenchmarkScores(["A", "B"], [2, 3], STANDARD)
    scores.update("A", 2, sr[:2], hr[:2])
    scores.update("A", 2, sr[2:3], hr[2:3])
    scores.update("B", 3, sr[3:], hr[3:])
    first, second = scores.compute()
    assert (first.benchmark, first.scale, second.benchmark, second.scale) == ("A", 2, "B", 3)
    assert_means(first, [by_hand(a, b, 2) for a, b in zip(sr[:3], hr[:3], strict=True)])
    assert_means(second, [by_hand(a, b, 3) for a, b in zip(sr[3:], hr[3:], strict=True)])


def test_two_processes_add_up_to_one() -> None:
    """The states are sums, merged as torchmetrics merges those of the ranks."""
    sr, hr = pictures(3)
    ranks = [BenchmarkScores(["A"], [2], STANDARD) for _ in range(2)]
    ranks[0].update("A", 2, sr[:2], hr[:2])
    ranks[1].update("A", 2, sr[2:], hr[2:])
    ranks[0].merge_state(ranks[1])
    (score,) = ranks[0].compute()
    assert_means(score, [by_hand(a, b, 2) for a, b in zip(sr, hr, strict=True)])


def test_reset_forgets() -> None:
    sr, hr = pictures(2)
    scores = BenchmarkScores(["A"], [2], STANDARD)
    scores.update("A", 2, sr[:1], hr[:1])
    scores.reset()
    scores.update("A", 2, sr[1:], hr[1:])
    assert_means(scores.compute()[0], [by_hand(sr[1], hr[1], 2)])


def test_a_gray_file_is_its_own_luma() -> None:
    """Read as colour its luma has limited range, and a PSNR higher by 20·log10(255/219) = 1.32 dB."""
    sr, hr = (image[:, :1].expand(-1, 3, -1, -1) for image in pictures(1))
    scores = BenchmarkScores(["gray", "colour"], [2], STANDARD)
    scores.update("gray", 2, sr, hr, gray=True)
    scores.update("colour", 2, sr, hr)
    gray, colour = scores.compute()
    assert_means(gray, [by_hand(sr[0], hr[0], 2, gray=True)])
    assert gray.psnr_y == pytest.approx(gray.psnr_rgb, abs=1e-9)
    assert colour.psnr_y - gray.psnr_y == pytest.approx(20 * math.log10(255 / 219), abs=1e-5)


def test_border_pixels_do_not_count() -> None:
    sr, hr = pictures(1)
    spoilt = torch.full_like(sr, 0.5)
    spoilt[..., 3:-3, 3:-3] = sr[..., 3:-3, 3:-3]
    scores = BenchmarkScores(["whole", "spoilt"], [3], STANDARD)
    scores.update("whole", 3, sr, hr)
    scores.update("spoilt", 3, spoilt, hr)
    whole, other = scores.compute()
    assert whole[2:] == other[2:]


@pytest.mark.parametrize(("side", "scale"), [(14, 2), (18, 4), (8, 4), (2, 4)])
def test_images_too_small_for_the_protocol_are_refused(side: int, scale: int) -> None:
    """Less than SSIM's 11 pixels are left inside the border."""
    sr, hr = pictures(1, side)
    with pytest.raises(InputError, match="at least 11×11"):
        BenchmarkScores(["A"], [scale], STANDARD).update("A", scale, sr, hr)


def test_the_smallest_image_that_fits_is_scored() -> None:
    sr, hr = pictures(1, 15)
    scores = BenchmarkScores(["A"], [2], STANDARD)
    scores.update("A", 2, sr, hr)
    assert_means(scores.compute()[0], [by_hand(sr[0], hr[0], 2)])
