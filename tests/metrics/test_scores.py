"""Scores per image and their means: against the published rows of bicubic, and against NumPy."""

import csv
import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from conftest import shared
from igconv_sr.data import BenchmarkImages, BenchmarkItem, find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.metrics import STANDARD, ImageScore, Score, mean_scores, score_image
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
@pytest.mark.parametrize("benchmark", ["Set5", "Set14"])
def test_bicubic_scores_as_published(benchmark: str, scale: int) -> None:
    images = BenchmarkImages([find_benchmark(shared("data", "benchmarks", benchmark))], [scale])
    pending = (score_image(STANDARD, images[n], Bicubic()(images[n].lr / 255, scale)) for n in range(len(images)))
    (score,) = mean_scores(each.finished("standard") for each in pending)
    expected = published(benchmark, scale)
    assert score.values["psnr_y"] == pytest.approx(expected.psnr, abs=0.03)
    assert score.values["ssim_y"] == pytest.approx(expected.ssim, abs=0.0015)


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


def item(hr: Tensor, scale: float, name: str = "x", benchmark: str = "A", gray: bool = False) -> BenchmarkItem:
    return BenchmarkItem(benchmark, name, scale, torch.empty(0), (hr * 255).round().to(torch.uint8)[None], gray)


def score(sr: Tensor, hr: Tensor, scale: float, gray: bool = False) -> tuple[float, ...]:
    """One image: (PSNR of luma, SSIM of luma, PSNR of RGB)."""
    found = score_image(STANDARD, item(hr, scale, gray=gray), sr[None]).finished("standard")
    assert list(found.values) == ["psnr_y", "ssim_y", "psnr_rgb"]
    return tuple(found.values.values())


@pytest.mark.parametrize("scale", [2, 3])
def test_scores_of_images_are_those_by_hand(scale: int) -> None:
    for sr, hr in zip(*pictures(3), strict=True):
        assert score(sr, hr, scale) == pytest.approx(by_hand(sr, hr, scale), abs=1e-5)


def test_a_score_says_of_what_it_is_and_holds_further_values() -> None:
    (sr,), (hr,) = pictures(1)
    pending = score_image(STANDARD, item(hr, 2, "y", "B"), sr[None], {"lpips": torch.tensor(0.5)})
    psnr, ssim, rgb = score(sr, hr, 2)
    values = {"psnr_y": psnr, "ssim_y": ssim, "psnr_rgb": rgb, "lpips": 0.5}
    assert pending.finished("standard+tile64") == ImageScore("B", "y", 2, values, "standard+tile64")


def test_means_are_per_benchmark_and_scale_and_the_same_in_any_order() -> None:
    random = np.random.default_rng(0)
    cells = [("B", 2), ("A", 3), ("A", 2)]
    images = [
        ImageScore(*cells[n % 3][:1], str(n), cells[n % 3][1], {"psnr_y": 10.0 ** random.uniform(-8, 8)})
        for n in range(31)
    ]
    means = mean_scores(images)
    assert [(m.benchmark, m.scale, m.images) for m in means] == [("B", 2, 11), ("A", 3, 10), ("A", 2, 10)]
    assert means[1].values["psnr_y"] == pytest.approx(np.mean([s.values["psnr_y"] for s in images[1::3]]))
    shuffled = mean_scores([images[n] for n in random.permutation(31)])
    assert sorted(shuffled) == sorted(means), "equal to the last bit"


def test_an_exact_image_has_infinite_psnr_and_so_has_the_mean() -> None:
    _, hr = pictures(1)
    assert score(hr[0], hr[0], 2) == (math.inf, 1, math.inf)
    means = mean_scores([ImageScore("A", "x", 2, {"psnr_y": math.inf}), ImageScore("A", "y", 2, {"psnr_y": 30.0})])
    assert means == [Score("A", 2, 2, {"psnr_y": math.inf})]


def test_a_gray_file_is_its_own_luma() -> None:
    """Read as colour its luma has limited range, and a PSNR higher by 20·log10(255/219) = 1.32 dB."""
    sr, hr = (image[:, :1].expand(-1, 3, -1, -1)[0] for image in pictures(1))
    gray, colour = score(sr, hr, 2, gray=True), score(sr, hr, 2)
    assert gray == pytest.approx(by_hand(sr, hr, 2, gray=True), abs=1e-5)
    assert gray[0] == pytest.approx(gray[2], abs=1e-9)
    assert colour[0] - gray[0] == pytest.approx(20 * math.log10(255 / 219), abs=1e-5)


@pytest.mark.parametrize(("scale", "border"), [(3, 3), (2.5, 3)])
def test_border_pixels_do_not_count(scale: float, border: int) -> None:
    (sr,), (hr,) = pictures(1)
    inner = (..., slice(border, -border), slice(border, -border))
    spoilt, other = torch.full_like(sr, 0.5), sr.clone()
    spoilt[inner] = sr[inner]
    assert score(spoilt, hr, scale) == score(sr, hr, scale)
    other[:, border, 12] = 0.5
    assert score(other, hr, scale) != score(sr, hr, scale)


@pytest.mark.parametrize(("side", "scale"), [(14, 2), (18, 4), (8, 4), (2, 4)])
def test_images_too_small_for_the_protocol_are_refused_by_name(side: int, scale: int) -> None:
    """Less than SSIM's 11 pixels are left inside the border."""
    (sr,), (hr,) = pictures(1, side)
    with pytest.raises(InputError, match=f"^x of A at ×{scale}: .*needs {11 + 2 * scale} pixels or more"):
        score(sr, hr, scale)


def test_the_smallest_image_that_fits_is_scored() -> None:
    (sr,), (hr,) = pictures(1, 15)
    assert score(sr, hr, 2) == pytest.approx(by_hand(sr, hr, 2), abs=1e-5)
