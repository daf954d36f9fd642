"""The weights that come with the package do what their card says."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch.nn.functional import interpolate

import igconv_sr
from conftest import shared
from igconv_sr.data import find_benchmarks
from igconv_sr.data.images import read_rgb
from igconv_sr.data.sample import VALIDATION_PHOTOGRAPHS
from igconv_sr.evaluation import evaluate
from igconv_sr.functional.imresize import imresize_uint8
from igconv_sr.metrics.scores import mean_scores
from igconv_sr.network import Bicubic, SRNet, SuperResolver
from igconv_sr.upscale.command import main
from igconv_sr.weights import DEFAULT_NAME, find_weights

SCALES = (2, 3, 4)


@pytest.fixture(scope="module")
def net() -> SRNet:
    return igconv_sr.load(DEFAULT_NAME)


def psnr(net: SuperResolver, folder: Path, scales: tuple[float, ...], trainer: Trainer) -> list[float]:
    return [score.values["psnr_y"] for score in mean_scores(evaluate(net, find_benchmarks(folder), scales, trainer))]


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)


def test_size() -> None:
    assert find_weights(DEFAULT_NAME).stat().st_size < 6e6


def test_psnr_of_the_card(net: SRNet, trainer: Trainer) -> None:
    card = find_weights(DEFAULT_NAME).with_suffix(".md").read_text()
    row = re.search(r"^\| Set5 \|(.+)\|$", card, re.MULTILINE)
    assert row is not None
    stated = [float(value) for value in row[1].split("|")]
    assert psnr(net, shared("data", "benchmarks", "Set5"), SCALES, trainer) == pytest.approx(stated, abs=0.01)


def test_better_than_bicubic(net: SRNet, trainer: Trainer, tmp_path: Path) -> None:
    """On a photograph that the training has not seen; also at scales that it has not."""
    shutil.copy(VALIDATION_PHOTOGRAPHS[0], tmp_path)
    scales = (2, 2.5, 3, 4, 6)
    ours, bicubic = (psnr(model, tmp_path, scales, trainer) for model in (net, Bicubic()))
    assert all(own > other + 0.5 for own, other in zip(ours, bicubic, strict=True))


@torch.inference_mode()
def test_scales_are_continuous(net: SRNet) -> None:
    """61/30 has kernels of its own: reduced to the size of ×2, pictures differ by the interpolation."""
    lr = torch.from_numpy(read_rgb(VALIDATION_PHOTOGRAPHS[0])[::2, ::2].copy()).movedim(-1, 0)[None, :, :64, :64] / 255
    double = net(lr, 2)

    def difference(scale: float) -> float:
        resized = interpolate(net(lr, scale), double.shape[-2:], mode="bicubic", align_corners=False)
        return (resized - double).abs().mean().item() * 255

    assert difference(1.999) == 0  # the nearest fraction is 2
    assert difference(61 / 30) < 3
    assert difference(2.25) < 6


def test_below_its_training_it_is_better_than_bicubic(net: SRNet) -> None:
    hr = torch.from_numpy(read_rgb(VALIDATION_PHOTOGRAPHS[0])[:240, :240].copy()).movedim(-1, 0)
    lr = imresize_uint8(hr[None], 2 / 3)[0]
    ours, bicubic = ((model.upscale(lr, 1.5).double() - hr).square().mean() for model in (net, Bicubic()))
    assert ours < bicubic / 10**0.1  # 1 dB


def test_upscale_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any option, as after an installation."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(read_rgb(VALIDATION_PHOTOGRAPHS[0])[:20, :30]).save("a photo.png")
    main(["a photo.png"])
    with Image.open("a photo_x2.png") as larger:
        assert larger.size == (60, 40)
