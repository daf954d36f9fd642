"""The protocols beside the standard one, each against its formula in NumPy."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from conftest import shared
from igconv_sr.data import BenchmarkImages, find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.metrics import PROTOCOLS, STANDARD, find_protocol
from igconv_sr.network import Bicubic


def pictures(side: int = 40) -> tuple[Tensor, Tensor]:
    """SR that overshoots [0,1] here and there, and 8-bit HR."""
    random = np.random.default_rng(3)
    hr = random.integers(256, size=(1, 3, side, side)) / 255
    return torch.from_numpy(hr + random.normal(0, 0.1, hr.shape)), torch.from_numpy(hr)


def inner(image: Tensor, border: int) -> np.ndarray:
    return image.numpy()[0, :, border:-border, border:-border]


def decibels(error: np.ndarray, peak: float) -> float:
    return -10 * math.log10(np.mean(np.square(error)) / peak**2)


@pytest.mark.parametrize(("scale", "border"), [(2, 2), (2.5, 3), (6, 6)])
def test_liif_is_its_formula_without_rounding(scale: float, border: int) -> None:
    sr, hr = pictures()
    error = sr.clamp(0, 1) - hr
    gray = np.tensordot(np.array([65.738, 129.057, 25.064]) / 256, inner(error, border), axes=1)
    found = PROTOCOLS["liif"].score(sr, hr, scale, gray=True)
    assert found.keys() == {"psnr_y", "psnr_rgb"}
    assert found["psnr_y"].item() == pytest.approx(decibels(gray, 1), abs=1e-5)
    assert found["psnr_rgb"].item() == pytest.approx(decibels(inner(error, border + 6), 1), abs=1e-5)


def test_rgb_is_the_standard_over_three_channels() -> None:
    sr, hr = pictures()
    a, b = np.floor(inner(sr, 3).clip(0, 1) * 255 + 0.5), inner(hr, 3) * 255
    found = PROTOCOLS["rgb"].score(sr, hr, 3, gray=False)
    assert found.keys() == {"psnr_rgb", "ssim_rgb"}
    expected = structural_similarity(
        a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=0
    )
    assert found["psnr_rgb"].item() == pytest.approx(decibels(a - b, 255), abs=1e-5)
    assert found["ssim_rgb"].item() == pytest.approx(expected, abs=1e-9)


def test_lr_kernels_are_part_of_the_protocols() -> None:
    scales = (2, 2.5, 3, 4, 6)
    kernels = {name: [protocol.lr_kernel(scale) for scale in scales] for name, protocol in PROTOCOLS.items()}
    assert kernels.pop("liif") == ["matlab", "pil", "matlab", "matlab", "pil"]
    assert all(kernel == ["matlab"] * 5 for kernel in kernels.values())


def test_marks_follow_the_name_and_change_nothing() -> None:
    sr, hr = pictures()
    marked = STANDARD.marked("+ensemble")
    assert marked.name == "standard+ensemble"
    assert marked.score(sr, hr, 2, gray=False) == STANDARD.score(sr, hr, 2, gray=False)


def test_unknown_protocols_are_named() -> None:
    with pytest.raises(InputError, match=r"protocol=standart: there are standard, .*; did you mean standard\?"):
        find_protocol("standart")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_basicsr_differs_on_the_gray_image_of_set14_alone(scale: int) -> None:
    """bridge.png read as colour has limited-range luma: 20·log10(255/219) = 1.32 dB more."""
    set14 = find_benchmark(shared("data", "benchmarks", "Set14"))
    files = [path for path in set14.files if path.stem in ("bridge", "face", "comic")]
    gains = {}
    for item in BenchmarkImages([replace(set14, files=tuple(files))], [scale]):
        sr, hr = Bicubic()(item.lr / 255, scale), item.hr / 255
        as_colour, plain = (PROTOCOLS[name].score(sr, hr, scale, item.gray) for name in ("basicsr", "standard"))
        gains[item.name] = (as_colour["psnr_y"] - plain["psnr_y"]).item()
        assert as_colour["psnr_rgb"] == plain["psnr_rgb"]
    assert gains.pop("bridge") == pytest.approx(20 * math.log10(255 / 219), abs=0.005)
    assert gains == {"comic": 0, "face": 0}
