"""The kernels drawn by ``filters``: their layout against a transposed convolution, their spectra, the command."""

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from igconv_sr.analysis.filters import main
from igconv_sr.analysis.kernels import (
    Kernels,
    frequencies,
    impulse_responses,
    kernels_at,
    mean_spectrum,
    neighbour_correlation,
    radial_profile,
    sub_pixel_tiles,
)
from igconv_sr.errors import InputError
from igconv_sr.upsamplers import IGConv, SPConv, Upsampler
from saved_models import IGCONV_PLUS, SPCONV, SPCONV_PLUS, save_model

TINY = partial(IGConv, hidden_dim=16, num_layers=1)


def random_kernels(scale: int = 2, channels: int = 5, size: int = 3) -> Kernels:
    return Kernels(scale, False, torch.randn(3, scale, scale, channels, size, size))


@pytest.mark.parametrize("scale", [2, 3, 5])
@pytest.mark.parametrize("upsampler", [TINY(4, (2, 3)), TINY(4, (2,), kernel_size=5), SPConv(4, (2, 3, 5))])
def test_responses_are_the_kernel_of_the_equal_transposed_convolution(upsampler: Upsampler, scale: int) -> None:
    if isinstance(upsampler, SPConv):
        upsampler.heads[str(scale)][0].bias.data.zero_()  # type: ignore[index,union-attr,operator]
    (kernels,) = kernels_at(upsampler, scale)
    features = torch.randn(2, 4, 6, 7)
    with torch.no_grad():
        expected = upsampler(features, scale, torch.rand(2, 3, 6, 7))
    border = scale * (kernels.weights.shape[-1] // 2)
    spread = F.conv_transpose2d(features, impulse_responses(kernels), stride=scale)
    assert torch.allclose(spread[..., border:-border, border:-border], expected, atol=1e-5)


def test_tiles_hold_the_filter_of_each_sub_pixel() -> None:
    upsampler = TINY(4, (2, 3))
    (kernels,) = kernels_at(upsampler, 3)
    kernel = upsampler.kernel(3)
    tiles = sub_pixel_tiles(kernels, colour=1, channel=2)
    for i in range(3):
        for j in range(3):
            tile = tiles[3 * i : 3 * i + 3, 3 * j : 3 * j + 3]
            assert torch.equal(tile, kernel[9 + 3 * i + j, 2])


def test_with_fgrep_both_are_given_and_the_model_stays_as_it_is() -> None:
    upsampler = TINY(4, (2, 3), fgrep=True, igsample=True, sample_hidden_dim=8, sample_num_layers=1)
    before = upsampler.kernel(2)
    plain, averaged = kernels_at(upsampler, 2)
    assert (plain.fgrep, averaged.fgrep) == (False, True)
    assert torch.allclose(averaged.weights.flatten(0, 2), before[:12], atol=1e-6)
    assert not torch.allclose(plain.weights, averaged.weights, atol=1e-3)
    assert torch.allclose(averaged.weights.flip(-1), averaged.weights, atol=1e-6)
    assert torch.equal(upsampler.kernel(2), before)


def test_spectra_are_those_of_the_definition() -> None:
    kernels = random_kernels(scale=3)
    spectrum, axis = mean_spectrum(kernels), frequencies(3)
    assert spectrum.shape == (48, 48)
    assert (axis[0].item(), axis[24].item(), axis[-1].item()) == (-1.5, 0, 1.5 - 1 / 16)
    responses = impulse_responses(kernels).double().numpy()
    places = np.arange(9) / 3  # in LR pixels
    for row, column in ((24, 24), (30, 11), (0, 24)):
        wave = np.exp(-2j * np.pi * (axis[row].item() * places[:, None] + axis[column].item() * places[None, :]))
        direct = np.abs((responses * wave).sum(axis=(-2, -1))).mean() / 9
        assert spectrum[row, column].item() == pytest.approx(direct, rel=1e-6)


def test_spectra_of_large_scales_end_at_two_cycles() -> None:
    kernels = random_kernels(scale=6, channels=2)
    assert mean_spectrum(kernels).shape == (64, 64)
    assert frequencies(6)[[0, 32]].tolist() == [-2, 0]
    kernels.weights.zero_()
    kernels.weights[:, 4, 4, :, 1, 1] = 36.0  # a single pixel has the same of every frequency
    assert torch.allclose(mean_spectrum(kernels), torch.ones(64, 64, dtype=torch.float64))
    radius, values = radial_profile(mean_spectrum(kernels), 6)
    assert (radius[0].item(), radius[-1].item(), len(radius)) == (0, 2 - 1 / 16, 32)
    assert torch.allclose(values, torch.ones(32, dtype=torch.float64))


def test_correlation_of_neighbours() -> None:
    kernels = random_kernels(scale=2)
    w = kernels.weights
    pairs = [(w[:, 0], w[:, 1]), (w[:, :, 0], w[:, :, 1])]
    a, b = (np.concatenate([pair[side].flatten().numpy() for pair in pairs]) for side in (0, 1))
    assert neighbour_correlation(kernels) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-6)
    kernels.weights[:] = kernels.weights[:, :1, :1].clone()
    assert neighbour_correlation(kernels) == pytest.approx(1)


def test_the_command_writes_tables_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "a.safetensors", tmp_path / "out"
    net = save_model(path, upsampler=IGCONV_PLUS)
    main([str(path), "--scales", "5", "--count", "2", "-o", str(out)])
    assert capsys.readouterr().out.splitlines()[-1] == f"Results in {out}"
    for name in ("filters", "responses", "spectra"):
        assert (out / f"{name}.pdf").stat().st_size > 1000
        with Image.open(out / f"{name}.png") as picture:
            assert min(picture.size) > 200
    with (out / "filters.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 9 * 25
    kernel = net.upsampler.kernel(5)  # type: ignore[operator]
    last = rows[-1]
    assert [last[key] for key in ("scale", "fgrep", "channel", "i", "j", "u", "v")] == ["5", "True", *"14422"]
    assert float(last["weight"]) == pytest.approx(kernel[24, 1, 2, 2].item(), abs=1e-6)
    with (out / "correlation.csv").open() as file:
        assert [(row["scale"], row["fgrep"]) for row in csv.DictReader(file)] == [("5", "False"), ("5", "True")]


@pytest.mark.parametrize(
    ("upsampler", "message"),
    [
        (SPCONV_PLUS, "SPConvPlus has neither a hyper-network nor a single convolution"),
        (SPCONV, r"no weights for ×5, only for ×2, ×3, ×4"),
    ],
)
def test_models_without_such_kernels_take_one_line(tmp_path: Path, upsampler: dict[str, object], message: str) -> None:
    path = tmp_path / "a.safetensors"
    save_model(path, upsampler=upsampler)
    with pytest.raises(InputError, match=rf"a\.safetensors: .*{message}"):
        main([str(path), "--scales", "2,5", "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
