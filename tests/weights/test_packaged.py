"""The weights that come with the package do what their cards say, and the default is the one that is announced."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch.nn.functional import interpolate

import igconv_sr
import igconv_sr.commands.cli
from conftest import shared
from igconv_sr.data import BenchmarkImages, find_benchmarks
from igconv_sr.data.sources.sample import VALIDATION_PHOTOGRAPHS
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.functional.imresize import imresize_uint8
from igconv_sr.metrics import STANDARD
from igconv_sr.metrics.scores import mean_scores
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.pictures.decoding import read_rgb
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.upscale.upscale import main
from igconv_sr.weights.checkpoint import load_with_card
from igconv_sr.weights.packaged import default_weights, find_weights, weight_names

CURVE = (1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 8)


@pytest.fixture(scope="module", params=weight_names())
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def net(name: str) -> SRNet:
    return igconv_sr.load(name)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)


def psnr(net: SuperResolver, folder: Path, scales: tuple[float, ...], trainer: Trainer) -> list[float]:
    return [score.values["psnr_y"] for score in mean_scores(evaluate(net, find_benchmarks(folder), scales, trainer))]


def upscaled_psnr(net: SuperResolver, folder: Path, scale: float) -> float:
    """Of ``net.upscale``, by the protocol."""
    values = [
        STANDARD.score(net.upscale(item.lr, scale).double() / 255, item.hr.double() / 255, scale, item.gray)["psnr_y"]
        for item in BenchmarkImages(find_benchmarks(folder), [scale])
    ]
    return sum(value.item() for value in values) / len(values)


def tables(name: str) -> list[dict[str, dict[float, float]]]:
    """The card's tables over the scale: of the benchmarks, and the curve; numbers by the label of a row and scale."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", find_weights(name).with_suffix(".md").read_text(), re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines())
        if "×2" in head:
            scales = [float(cell.removeprefix("×")) for cell in head[1:]]
            found.append({label: dict(zip(scales, map(float, cells), strict=True)) for label, *cells in rows})
    return found


def test_size(name: str) -> None:
    assert find_weights(name).stat().st_size < 6e6


def test_the_card_counts_as_the_file_does(name: str) -> None:
    net, facts = load_with_card(name)
    text = find_weights(name).with_suffix(".md").read_text()
    assert f"{sum(weight.numel() for weight in net.parameters()):,} parameters" in text
    assert f"{facts.steps:,} steps" in text
    assert {weight.dtype for weight in net.state_dict().values()} == {torch.float32}


def test_some_psnr_of_the_card(name: str, net: SRNet, trainer: Trainer) -> None:
    """Of each table one value; the curve's is at a rational scale."""
    benchmarks, curve = tables(name)
    stated = [curve["the network alone"][3.5], benchmarks["Set5"][4]]
    assert psnr(net, shared("data", "benchmarks", "Set5"), (3.5, 4), trainer) == pytest.approx(stated, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", ["Set5", "Set14"])
def test_all_psnr_of_the_card(name: str, net: SRNet, trainer: Trainer, benchmark: str) -> None:
    stated = tables(name)[0][benchmark]
    found = psnr(net, shared("data", "benchmarks", benchmark), tuple(stated), trainer)
    assert found == pytest.approx(list(stated.values()), abs=0.01)


@pytest.mark.slow
def test_the_whole_curve_of_the_card(name: str, net: SRNet, trainer: Trainer) -> None:
    folder, curve = shared("data", "benchmarks", "Set5"), tables(name)[1]
    for label, model in (("the network alone", net), ("bicubic", Bicubic())):
        stated = curve[label]
        assert psnr(model, folder, tuple(stated), trainer) == pytest.approx(list(stated.values()), abs=0.01), label
    for scale in (1.25, 1.5, 1.75):
        assert upscaled_psnr(net, folder, scale) == pytest.approx(curve["by `upscale`"][scale], abs=0.01)


def test_the_curve_of_the_card_is_above_bicubic(name: str, net: SRNet) -> None:
    """At every point, by ``upscale``: where the network was trained, or above, that is the network alone."""
    benchmarks, curve = tables(name)
    assert tuple(curve["bicubic"]) == CURVE
    for scale, value in curve["by `upscale`"].items():
        assert value > curve["bicubic"][scale] + 0.5
        if scale >= min(net.scales):
            assert value == curve["the network alone"][scale]
    for label, row in (("Set5", "the network alone"), ("Set5, bicubic", "bicubic")):
        assert benchmarks[label].items() <= curve[row].items()


def test_the_default_follows_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    quick, best = find_weights("photo-small"), find_weights("photo")
    for chosen in (quick, best):
        Path(chosen.stem).touch()  # which a name would mean
    assert default_weights("cpu").path == quick
    assert default_weights("cuda").path == best
    for device in ("cpu", "cuda"):
        assert all(re.search(rf"\b{known}\b", default_weights(device).remark) for known in weight_names())


@pytest.mark.parametrize("command", ["upscale", "demo", "export", "scale-curve"])
def test_help_lists_them(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["igconv-sr", command, "--help"])
    with pytest.raises(SystemExit):
        igconv_sr.commands.cli.main()
    printed = " ".join(capsys.readouterr().out.split())
    assert f"the name of packaged weights ({', '.join(weight_names())})" in printed
    if command != "scale-curve":
        assert "photo on a GPU, photo-small on a CPU" in printed


def test_better_than_bicubic(net: SRNet, trainer: Trainer, tmp_path: Path) -> None:
    """On a photograph that the training has not seen; also at scales that it has not."""
    shutil.copy(VALIDATION_PHOTOGRAPHS[0], tmp_path)
    scales = (2, 2.5, 3, 4, 6)
    ours, bicubic = (psnr(model, tmp_path, scales, trainer) for model in (net, Bicubic()))
    assert all(own > other + 0.5 for own, other in zip(ours, bicubic, strict=True))


@torch.inference_mode()
@pytest.mark.parametrize(
    "name",
    [known if known == "photo-small" else pytest.param(known, marks=pytest.mark.slow) for known in weight_names()],
    indirect=True,
)
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


@torch.inference_mode()
@pytest.mark.parametrize("scale", [1.25, 1.5, 1.75])
def test_the_network_alone_is_better_than_bicubic_below_its_training(net: SRNet, scale: float) -> None:
    hr = torch.from_numpy(read_rgb(VALIDATION_PHOTOGRAPHS[0])[:210, :210].copy()).movedim(-1, 0)[None]
    lr = imresize_uint8(hr, 1 / scale) / 255
    ours, bicubic = ((model(lr, scale) * 255 - hr).square().mean() for model in (net, Bicubic()))
    assert ours < bicubic / 10**0.1  # 1 dB


@torch.inference_mode()
def test_the_network_alone_keeps_an_image_at_the_scale_of_1(net: SRNet) -> None:
    lr = torch.from_numpy(read_rgb(VALIDATION_PHOTOGRAPHS[0])[100:150, 100:160].copy()).movedim(-1, 0)[None] / 255
    sr = net(lr, 1)
    assert (sr - lr).square().mean() < 10**-3.3  # 33 dB
    assert (sr - lr).mean().abs() < 1 / 255


def test_below_its_training_it_is_better_than_bicubic(net: SRNet) -> None:
    hr = torch.from_numpy(read_rgb(VALIDATION_PHOTOGRAPHS[0])[:240, :240].copy()).movedim(-1, 0)
    lr = imresize_uint8(hr[None], 2 / 3)[0]
    ours, bicubic = ((model.upscale(lr, 1.5).double() - hr).square().mean() for model in (net, Bicubic()))
    assert ours < bicubic / 10**0.1  # 1 dB


def test_upscale_takes_one_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any option, as after an installation; by name it says nothing."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(read_rgb(VALIDATION_PHOTOGRAPHS[0])[:20, :30]).save("a photo.png")
    main(["a photo.png"])
    name = "photo" if torch.cuda.is_available() else "photo-small"
    assert capsys.readouterr().out.startswith(f"Model {name}: the default on a ")
    main(["a photo.png", "--overwrite", "--device", "cpu", "--weights", "photo"])
    assert "default" not in capsys.readouterr().out
    with Image.open("a photo_x2.png") as larger:
        assert larger.size == (60, 40)
        expected = igconv_sr.load("photo").upscale(Image.open("a photo.png"), 2)
        assert abs(np.asarray(larger).astype(int) - np.asarray(expected)).max() <= 1
