"""LPIPS and DISTS: what is wanted is told in one line; their values, where torchvision is installed."""

import importlib.util
from pathlib import Path

import pytest
import torch

from igconv_sr.errors import InputError
from igconv_sr.metrics.perceptual import PERCEPTUAL, PerceptualMetrics, check_weights

HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None


def test_unknown_metrics_are_named() -> None:
    with pytest.raises(InputError, match=r"there is no 'lpip', only lpips, dists; did you mean lpips\?"):
        PerceptualMetrics(["lpip"])


def test_no_metric_is_no_value() -> None:
    assert PerceptualMetrics([])(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)) == {}


@pytest.mark.skipif(HAS_TORCHVISION, reason="torchvision is installed")
@pytest.mark.parametrize("name", PERCEPTUAL)
def test_without_torchvision_one_line_says_what_to_install_and_where_the_weights_go(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = PERCEPTUAL[name].file
    with pytest.raises(InputError) as refused:
        PerceptualMetrics([name])
    line = str(refused.value)
    assert "\n" not in line
    for part in (
        name,
        "igconv-sr[perceptual]",
        f"pytorch.org/models/{file}",
        str(tmp_path / "hub" / "checkpoints" / file),
    ):
        assert part in line


needs_torchvision = pytest.mark.skipif(not HAS_TORCHVISION, reason="the networks are torchvision's, not installed here")


@needs_torchvision
@pytest.mark.parametrize("name", PERCEPTUAL)
def test_missing_and_wrong_weights_are_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=f"save https://.*/{PERCEPTUAL[name].file} as"):
        check_weights(name)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / PERCEPTUAL[name].file).write_bytes(b"not the weights")
    with pytest.raises(InputError, match="is not the published file"):
        check_weights(name)


@needs_torchvision
@pytest.mark.parametrize("name", PERCEPTUAL)
def test_equal_images_are_at_distance_zero_and_others_are_not(name: str) -> None:
    try:
        check_weights(name)
    except InputError as error:
        pytest.skip(str(error))
    metrics = PerceptualMetrics([name])
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert metrics(image, image)[name].item() == pytest.approx(0, abs=1e-5)
    assert metrics(image, image.flip(-1))[name].item() > 0.01
