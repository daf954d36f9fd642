"""Folded IGConv models in the real spandrel give the same images."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from igconv_sr.errors import InputError
from igconv_sr.export.spandrel_file import save_spandrel, spandrel_weights
from igconv_sr.network import SRNet
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.released import official

SIZES = {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 2]}
ENCODERS: dict[str, dict[str, Any]] = {
    "SwinIR": {**SIZES, "window_size": 8},
    "SRFormer": {**SIZES, "window_size": 10},
    "ATD": {**SIZES, "window_size": 8, "num_tokens": 8, "reducted_dim": 4},
}


class AsOnAGPU(TorchFunctionMode):
    """Sorting keeps the order of equal keys, as a GPU does; spandrel's ATD leaves that to the device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kept = {"stable": True} if func is torch.sort else {}
        return func(*args, **{**(kwargs or {}), **kept})


@pytest.fixture(scope="module")
def spandrel() -> Any:
    """Spandrel imports torchvision, of which there is no CPU build for every torch; what it takes from there serves
    other models (LaMa, RestoreFormer), so that empty names do where it is missing.
    """
    pytest.importorskip("einops")
    if importlib.util.find_spec("spandrel") is None or importlib.util.find_spec("spandrel_extra_arches") is None:
        pytest.skip("spandrel and spandrel-extra-arches are not installed: pip install --no-deps both")
    if importlib.util.find_spec("torchvision") is None:
        transforms, functional = ModuleType("torchvision.transforms"), ModuleType("torchvision.transforms.functional")
        functional.__dict__.update(InterpolationMode=None, rotate=None, normalize=None)
        stand_ins = {"torchvision": ModuleType("torchvision"), transforms.__name__: transforms}
        sys.modules.update(stand_ins | {functional.__name__: functional})
    import spandrel
    import spandrel_extra_arches

    spandrel_extra_arches.install(ignore_duplicates=True)
    yield spandrel
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def network(encoder: str, upsampler: str = "IGConv", **more: Any) -> tuple[SRNet, ModelCard]:
    size = {"hidden_dim": 8, "num_layers": 1} if upsampler == "IGConv" else {}
    card = ModelCard(
        encoder={"_target_": f"igconv_sr.encoders.{encoder}", **ENCODERS.get(encoder, {})},
        upsampler={"_target_": f"igconv_sr.upsamplers.{upsampler}", "_partial_": True, **size, **more},
        scales=[2, 3],
        model=encoder.lower(),
        upsampler_name=upsampler.lower(),
        train_data="none",
        seed=0,
    )
    torch.manual_seed(0)
    net = card.build().eval()
    with torch.no_grad():  # so that no zero hides a mistake
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return net, card


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize(
    ("encoder", "upsampler", "more"),
    [
        ("SwinIR", "IGConv", {"fgrep": True}),
        ("SRFormer", "IGConv", {}),
        ("ATD", "IGConv", {"fgrep": True}),
        ("SwinIR", "SPConv", {}),
    ],
)
def test_spandrel_computes_the_same(
    spandrel: Any, tmp_path: Path, encoder: str, upsampler: str, more: dict[str, Any], scale: int
) -> None:
    """At a size that needs padding too."""
    net, card = network(encoder, upsampler, **more)
    path = tmp_path / "model.safetensors"
    save_spandrel(spandrel_weights(net, card, scale), path)
    loaded = spandrel.ModelLoader().load_from_file(path)
    assert loaded.architecture.id == encoder
    assert loaded.scale == scale
    for height, width in ((20, 24), (19, 27)):
        image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))
        with torch.no_grad(), AsOnAGPU():
            ours, theirs = net(image, scale), loaded.model.eval()(image)
        assert theirs.shape == (1, 3, scale * height, scale * width)
        assert (ours - theirs).abs().max() <= 1e-5 * ours.abs().max()


@pytest.mark.parametrize(
    ("encoder", "upsampler", "more", "message"),
    [
        ("SwinIR", "IGConv", {"igsample": True}, "IGSample.*--format onnx"),
        ("SwinIR", "SPConvPlus", {}, "SPConvPlus is not a single convolution"),
        ("EDSR", "IGConv", {}, "no class that ends in one convolution for edsr, only for swinir, srformer, atd"),
    ],
)
def test_what_spandrel_cannot_express_is_said(encoder: str, upsampler: str, more: dict[str, Any], message: str) -> None:
    net, card = network(encoder, upsampler, **more)
    with pytest.raises(InputError, match=message):
        spandrel_weights(net, card, 2)


def test_arguments_that_spandrel_takes_for_granted_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "ATD", {**ENCODERS["ATD"], "category_size": 128})
    net, card = network("ATD")
    with pytest.raises(InputError, match="category_size=256 for granted and this model has category_size=128"):
        spandrel_weights(net, card, 2)
    assert "atd" in official.ENCODERS
