"""``igconv-sr export``: the files give the images of the network, at sizes and scales that the trace never saw."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.export import export as command
from igconv_sr.export.program import Program, save_program
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load, load_with_card, save_safetensors

Session = Callable[..., Tensor]

ENCODERS: dict[str, dict[str, Any]] = {
    "EDSR": {"num_feat": 8, "num_block": 1},
    "SMFANet": {"dim": 8, "n_blocks": 1},
    "SwinIR": {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 8},
    "SRFormer": {"embed_dim": 16, "depths": [2], "num_heads": [2], "window_size": 4},
    "HAT": {"embed_dim": 16, "depths": [2], "num_heads": [2], "window_size": 4},
    "ATD": {"embed_dim": 12, "depths": [2], "num_heads": [2], "window_size": 4, "category_size": 16, "num_tokens": 8},
    "MambaIR": {"embed_dim": 12, "depths": [1]},
}


@pytest.fixture
def weights(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A network with IGConv+ whose weights are random; EDSR, or as the test says."""
    encoder = getattr(request, "param", "EDSR")
    card = ModelCard(
        encoder={"_target_": f"igconv_sr.encoders.{encoder}", **ENCODERS[encoder]},
        upsampler={
            "_target_": "igconv_sr.upsamplers.IGConv",
            "_partial_": True,
            "hidden_dim": 8,
            "num_layers": 1,
            "fgrep": True,
            "igsample": True,
        },
        scales=[2, 3],
        model=encoder.lower(),
        upsampler_name="igconv_plus",
        train_data="none",
        seed=0,
    )
    torch.manual_seed(0)
    path = tmp_path / "net.safetensors"
    save_safetensors(card.build(), card, path)
    return path


def image(batch: int, height: int, width: int) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height))


def onnx_session(path: Path) -> Session:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def call(lr: Tensor, **more: Any) -> Tensor:
        return torch.from_numpy(session.run(None, {"lr": lr.numpy(), **more})[0])

    return call


def export(weights: Path, *flags: str) -> None:
    command.main([str(weights), "-o", str(weights.parent), *flags])


@torch.no_grad()
def assert_equal(found: Tensor, path: Path, lr: Tensor, scale: int) -> None:
    expected = load(path)(lr, scale)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5


def test_one_onnx_file_serves_all_its_scales_and_any_size(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    export(weights, "--format", "onnx", "--scales", "3,2", "--one-file")
    path = weights.parent / "net_x2x3.onnx"
    session = onnx_session(path)
    for scale in (2, 3):
        for lr in (image(1, 19, 27), image(3, 1, 1), image(2, 64, 16)):
            assert_equal(session(lr, scale=np.array(scale)), weights, lr, scale)
    with pytest.raises(Exception, match=r"scale_must_be_one_of_2_3.*out of data bounds"):
        session(image(1, 8, 8), scale=np.array(5))
    assert path.stat().st_size < 1.9 * len(weights.read_bytes()) + 200_000, "the encoder is stored once"
    printed = capsys.readouterr().out
    assert f"Wrote {path}" in printed
    assert "scale (a whole number: 2,3)" in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "sizes"),
    [
        ("SMFANet", [(1, 8, 16), (2, 40, 24)]),
        *((name, [(1, 19, 27), (2, 5, 64), (1, 1, 1)]) for name in ("SwinIR", "SRFormer", "HAT")),
    ],
    indirect=["weights"],
)
def test_onnx_of_encoders_that_pool_or_pad(weights: Path, sizes: list[tuple[int, int, int]]) -> None:
    """SMFANet serves multiples of its pooling; windows are padded inside the file."""
    export(weights, "--format", "onnx", "--scales", "3")
    session = onnx_session(weights.parent / "net_x3.onnx")
    for size in sizes:
        assert_equal(session(image(*size)), weights, image(*size), 3)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["SwinIR"], indirect=True)
def test_one_onnx_file_of_an_encoder_that_pads(weights: Path) -> None:
    export(weights, "--format", "onnx", "--scales", "2,3", "--one-file")
    session = onnx_session(weights.parent / "net_x2x3.onnx")
    for scale in (2, 3):
        assert_equal(session(image(1, 19, 27), scale=np.array(scale)), weights, image(1, 19, 27), scale)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["SMFANet"], indirect=True)
@pytest.mark.parametrize("flags", [("--scales", "2"), ("--scales", "2,3", "--one-file")])
def test_onnx_refuses_sizes_that_it_would_compute_wrongly(weights: Path, flags: tuple[str, ...]) -> None:
    export(weights, "--format", "onnx", *flags)
    (path,) = weights.parent.glob("*.onnx")
    session = onnx_session(path)
    more = {"scale": np.array(2)} if "--one-file" in flags else {}
    assert_equal(session(image(1, 16, 24), **more), weights, image(1, 16, 24), 2)
    for size in ((1, 16, 20), (1, 12, 16)):
        with pytest.raises(Exception, match="sides_must_be_multiples_of_8"):
            session(image(*size), **more)


def test_a_program_is_read_by_torch_alone(weights: Path) -> None:
    export(weights, "--format", "pt2", "--scales", "2")
    program = torch.export.load(weights.parent / "net_x2.pt2").module()
    for lr in (image(1, 19, 27), image(3, 33, 5)):
        assert_equal(program(lr), weights, lr, 2)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["ATD"], indirect=True)
def test_a_program_says_its_least_size(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trace of shifted windows rules out images of one window and of two."""
    export(weights, "--format", "pt2", "--scales", "2")
    assert "must be multiples of 4 and at least 12\n" in capsys.readouterr().out
    program = torch.export.load(weights.parent / "net_x2.pt2").module()
    for lr in (image(1, 12, 12), image(2, 20, 12)):
        assert_equal(program(lr), weights, lr, 2)
    with pytest.raises(AssertionError, match="Guard failed"):
        program(image(1, 8, 12))


def test_a_program_that_differs_is_not_written(tmp_path: Path) -> None:
    exported = torch.export.export(torch.nn.Identity(), (torch.zeros(1, 3, 8, 8),))
    program = Program(exported, difference=0.1, multiple=1, padded_by_network=True)
    with pytest.raises(InputError, match=r"differs from the network by 1.0e-01; nothing was written"):
        save_program(program, tmp_path / "net.pt2")
    assert not list(tmp_path.iterdir())


def test_what_onnxruntime_cannot_run_is_refused_in_one_line() -> None:
    onnx_file = pytest.importorskip("igconv_sr.export.onnx_file")
    helper = pytest.importorskip("onnx.helper")
    lr, sr = (helper.make_tensor_value_info(name, 1, ["b", 3, "h", "w"]) for name in ("lr", "sr"))
    place = onnx_file.numpy_helper.from_array(np.array([10**6]), "place")
    node = helper.make_node("Gather", ["lr", "place"], ["sr"], axis=3)
    graph = helper.make_graph([node], "beyond", [lr], [sr], [place])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    with pytest.raises(InputError, match=r"^onnxruntime fails on the ONNX model at ×2: .*out of data bounds"):
        onnx_file.difference_in_onnxruntime(model, load("photo-small"), 2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["MambaIR"], indirect=True)
def test_what_onnx_lacks_is_refused_in_one_line(weights: Path) -> None:
    with pytest.raises(InputError, match=r"has a part that ONNX lacks: .*selective_scan") as caught:
        export(weights, "--format", "onnx", "--scales", "2")
    assert "\n" not in str(caught.value)
    assert list(weights.parent.iterdir()) == [weights]


def test_nothing_is_written_if_one_of_the_scales_differs(weights: Path) -> None:
    """Values of a million at ×3 differ by more than the tolerance, those at ×2 do not."""
    pytest.importorskip("onnxruntime")
    _, card = load_with_card(weights)
    upsampler = {"_target_": "igconv_sr.upsamplers.SPConv", "_partial_": True, "scales": [2, 3]}
    card = dataclasses.replace(card, upsampler=upsampler)
    net = card.build()
    with torch.no_grad():
        for parameter in net.upsampler.get_submodule("heads.3").parameters():
            parameter.mul_(1e6)
    save_safetensors(net, card, weights)
    with pytest.raises(InputError, match="at ×3; nothing was written"):
        export(weights, "--format", "onnx", "--scales", "2,3")
    assert list(weights.parent.iterdir()) == [weights]


def test_safetensors_hold_all_scales(weights: Path) -> None:
    command.main([str(weights), "-o", str(weights.parent / "out"), "--format", "safetensors"])
    lr = image(1, 6, 7)
    with torch.no_grad():
        assert_equal(load(weights.parent / "out" / "net.safetensors")(lr, 5), weights, lr, 5)


def test_without_weights_it_takes_those_of_upscale_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["--format", "safetensors", "-o", str(tmp_path)])
    name = "photo" if torch.cuda.is_available() else "photo-small"
    assert capsys.readouterr().out.startswith(f"Model {name}: the default on a ")
    found, expected = load(tmp_path / f"{name}.safetensors").state_dict(), load(name).state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_nothing_is_overwritten_unless_asked(weights: Path) -> None:
    (weights.parent / "net_x2.pt2").write_text("mine")
    with pytest.raises(InputError, match=r"net_x2\.pt2 exists already"):
        export(weights, "--format", "pt2", "--scales", "2,3")
    assert (weights.parent / "net_x2.pt2").read_text() == "mine"
    assert not (weights.parent / "net_x3.pt2").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--format", "spandrel"), "no class that ends in one convolution for edsr"),
        (("--format", "pt2", "--one-file"), "--one-file .* needs --format onnx"),
    ],
)
def test_mistakes_are_told_in_one_line(weights: Path, flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        export(weights, *flags)


def test_scales_must_be_whole(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        export(weights, "--format", "onnx", "--scales", "2,x")
    assert caught.value.code == 2
    assert "'2,x' is not a list of whole numbers of 2 or more" in capsys.readouterr().err
