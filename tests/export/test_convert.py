"""Released weights: recognised by their shapes, equal in their outputs, converted there and back without a change."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors.torch import load_file
from torch import Tensor

import igconv_sr
from conftest import golden, relative_error
from igconv_sr.commands import cli
from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.encoders import EDSR, PLKSR, HiTSRF, MambaIR
from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv, SPConv
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load_with_card, load_with_remark, save_released, save_safetensors
from igconv_sr.weights.released import official
from igconv_sr.weights.released.recognise import recognise, unwrap

REFERENCES = [
    f"{encoder}_{upsampler}"
    for encoder in official.ENCODERS
    for upsampler in ("igconv", "igconv_plus")
    if (encoder, upsampler) not in (("plksr", "igconv"), ("rcan", "igconv"))
]

UNSEEN = {"atd": {"category_size": 32}}
"""Arguments of the references that differ from the published ones although their weights do not show them."""

WRAPPERS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "params_ema": lambda weights: {"params_ema": weights, "params": {"x": torch.zeros(1)}},
    "params": lambda weights: {"params": weights},
    "state_dict": lambda weights: {"state_dict": weights, "epoch": 3},
    "no key of their own": lambda weights: weights,
    "params, each as module.": lambda weights: {"params": {f"module.{key}": value for key, value in weights.items()}},
}


def seen(arguments: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """The arguments but for those in ``others``."""
    return {name: value for name, value in arguments.items() if not any(name in other for other in others)}


@pytest.fixture
def convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the command in this process; gives what it printed, or the line with which it failed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["igconv-sr", "convert", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit:
            (line,) = capsys.readouterr().err.splitlines()
            return line
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", REFERENCES)
def test_the_arguments_of_the_references_are_recognised(name: str) -> None:
    reference = golden(name)
    found = recognise(reference.state_dict)
    assert (found.encoder, found.upsampler) == (reference.meta["encoder"], reference.meta["upsampler"])
    unseen = UNSEEN.get(found.encoder, {})
    assert reference.meta["encoder_args"].items() <= (found.encoder_args | unseen).items()
    quirk = {"fgrep": True} if found.encoder == "rdn" else {}
    assert found.upsampler_args == reference.meta["upsampler_args"] | quirk
    assert unseen.keys() <= found.assumed.keys()
    without = {
        key: value for key, value in reference.state_dict.items() if key.rpartition(".")[-1] not in official.BUFFERS
    }
    assert seen(recognise(without).encoder_args, {"img_size": 0}) == seen(found.encoder_args, {"img_size": 0})


@pytest.mark.parametrize("name", REFERENCES)
def test_released_weights_there_and_back(tmp_path: Path, name: str) -> None:
    reference = golden(name)
    assume = UNSEEN.get(reference.meta["encoder"])
    released, ours, back = (tmp_path / file for file in ("net.pth", "net.safetensors", "back.pth"))
    torch.save({"params_ema": reference.state_dict}, released)
    for path in (released, ours, back):
        net, card, _ = load_with_remark(path, assume if path == released else None)
        assert not net.training
        for scale in (2, 3, 4):
            with torch.inference_mode():
                image = net(reference.arrays["x"], scale)
            assert relative_error(image, reference.arrays[f"y{scale}"]) <= 1e-5
        if path == released:
            save_safetensors(net, card, ours)
        elif path == ours:
            save_released(net, card, back)
    written = torch.load(back, weights_only=True)["params_ema"]
    assert written.keys() == reference.state_dict.keys()
    for key, value in reference.state_dict.items():
        assert written[key].dtype == value.dtype
        assert torch.equal(written[key], value), key


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", ["edsr_igconv", "rcan_igconv_plus"])
def test_wrappings(tmp_path: Path, convert: Callable[..., str], name: str, wrapper: str) -> None:
    reference = golden(name)
    torch.save(WRAPPERS[wrapper](reference.state_dict), tmp_path / "net.pth")
    printed = convert("net.pth", "net.safetensors")
    assert f"under {wrapper}" in printed
    expected = official.build(reference.meta, reference.state_dict)(reference.arrays["x"], 3)
    for file in ("net.pth", "net.safetensors"):
        assert torch.equal(igconv_sr.load(file)(reference.arrays["x"], 3), expected)


PAPER = ["atd", "edsr", "hat", "hit_srf", "mambair", "mambair_light", "plksr", "rcan", "rdn", "smfanet"]
PAPER += ["smfanet_small", "srformer", "swinir"]


def configured(model: str, upsampler: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of a model of ``conf/model`` and of its upsampler."""
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", overrides=[f"model={model}", f"upsampler={upsampler}"])
    nodes = (OmegaConf.to_container(config[part], resolve=True) for part in ("model", "upsampler"))
    encoder_args, upsampler_args = ({k: v for k, v in node.items() if k[0] != "_"} for node in nodes)
    return encoder_args, upsampler_args


@pytest.mark.parametrize("upsampler", ["igconv", "igconv_plus"])
@pytest.mark.parametrize("model", PAPER)
def test_the_papers_sizes_are_recognised(model: str, upsampler: str) -> None:
    encoder = model.removesuffix("_light").removesuffix("_small")
    encoder_args, upsampler_args = configured(model, upsampler)
    with torch.device("meta"):
        net = SRNet(official.ENCODERS[encoder](**encoder_args), partial(IGConv, **upsampler_args), (2, 3, 4))
    found = recognise(official.to_official(net.state_dict(), encoder))
    assert (found.encoder, found.encoder_args, found.upsampler) == (encoder, encoder_args, upsampler)
    expected = seen(upsampler_args, {"igsample": 0, "max_scale": 0, "fgrep": 0})
    if upsampler == "igconv":
        expected = seen(expected, {"sample_hidden_dim": 0, "sample_num_layers": 0})
    assert seen(found.upsampler_args, found.assumed) == expected
    assert found.upsampler_args["max_scale"] == (8 if model == "rcan" else 4)
    assert found.upsampler_args["fgrep"] == (upsampler == "igconv_plus" or model == "rdn")


@pytest.mark.parametrize(
    "encoder",
    [
        PLKSR(12, 2, 13, 0.5, "CCM", use_ea=False),
        PLKSR(12, 2, 13, 0.3, "ICCM"),
        HiTSRF(32, depths=(3, 1), num_heads=(2, 4), mlp_ratio=1.5, hier_win_ratios=(1, 2, 1)),
        MambaIR(20, 3, (1, 2), 1.3, compress_ratio=6),
    ],
    ids=["CCM", "ICCM", "HiT-SRF", "MambaIR"],
)
def test_other_sizes_give_the_same_function(encoder: Any) -> None:
    net = SRNet(encoder, partial(IGConv, kernel_size=5, hidden_dim=8, num_layers=1), (2, 3)).eval()
    name = next(name for name, cls in official.ENCODERS.items() if type(encoder) is cls)
    weights = official.to_official(net.state_dict(), name)
    assume = {"hier_win_ratios": [1, 2, 1]} if name == "hit_srf" else None
    found = recognise(weights, assume)
    again = official.build(found._asdict(), weights)
    lr = torch.rand(1, 3, 9, 7)
    torch.testing.assert_close(again(lr, 2), net(lr, 2))


def own(path: Path, net: SRNet) -> ModelCard:
    """Writes a training's result with what no released model has."""
    encoder = {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 8, "num_block": 1, "res_scale": 1.0}
    upsampler = {"_target_": "igconv_sr.upsamplers.IGConv", "_partial_": True, "hidden_dim": 16, "num_layers": 1}
    upsampler |= {"fgrep": False, "igsample": True, "sample_hidden_dim": 8, "sample_num_layers": 1, "max_scale": 6}
    card = ModelCard(encoder, upsampler, [2, 6], "edsr_small", "igconv_plus", "sample", seed=3, steps=17)
    save_safetensors(net, card, path)
    return card


def test_our_weights_there_and_back(tmp_path: Path, small_net: SRNet, convert: Callable[..., str]) -> None:
    card = own(tmp_path / "ours.safetensors", small_net)
    convert("ours.safetensors", "official.pth", "--to", "official")
    convert("official.pth", "back.safetensors")
    weights, back = load_file("ours.safetensors"), load_file("back.safetensors")
    assert weights.keys() == back.keys()
    assert all(torch.equal(weights[key], back[key]) for key in weights)
    assert load_with_card("back.safetensors")[1] == card
    theirs = torch.load("official.pth", weights_only=True)["params_ema"]
    assert theirs["upsample.freq"].shape == (72, 16, 1, 1)
    assert theirs["skip.convs.query_kernel.2.weight"].shape == (12, 8, 1, 1)
    assert theirs["body.0.conv1.weight"].shape == (8, 8, 3, 3)


def test_what_the_weights_do_not_show_can_be_given(
    tmp_path: Path, small_net: SRNet, convert: Callable[..., str]
) -> None:
    weights = official.to_official(small_net.state_dict(), "edsr")
    torch.save(weights, tmp_path / "net.pth")
    printed = convert(
        "net.pth", "a.safetensors", "--max-scale", 8, "--assume", "res_scale=1e-1", "--assume", "fgrep=no"
    )
    assert "EDSR (num_feat=8, num_block=1) with IGConv+ (kernel_size=3, hidden_dim=16, num_layers=1, " in printed
    assert "assumed: res_scale=0.1, fgrep=False, max_scale=8" in printed
    net, card = load_with_card("a.safetensors")
    assert (net.encoder.body[0].res_scale, net.upsampler.fgrep, net.upsampler.hypernet.max_scale) == (0.1, False, 8)
    assert (card.model, card.upsampler_name, card.train_data, card.steps) == ("edsr", "igconv_plus", "unknown", 0)
    assert list(card.scales) == [2, 3, 4, 5, 6, 7, 8]
    lr = torch.rand(1, 3, 5, 4)
    assert torch.equal(
        igconv_sr.load("net.pth", {"max_scale": 8})(lr, 8), igconv_sr.load("net.pth", {"max_scale": 9})(lr, 8)
    )
    assert not torch.equal(igconv_sr.load("net.pth")(lr, 8), igconv_sr.load("net.pth", {"max_scale": 8})(lr, 8))


@pytest.mark.parametrize(
    ("assumption", "part"),
    [
        ("num_feat=3", "num_feat cannot be assumed, only res_scale, fgrep, max_scale"),
        ("res_scal=3", "did you mean res_scale?"),
        ("res_scale=big", "res_scale=big should be a number, like 0.1"),
        ("fgrep=1", "fgrep=1 should be true or false"),
        ("max_scale=1", "scale 1 is not"),
        ("max_scale", "not NAME=VALUE"),
        ("max_scale=[", "cannot read"),
    ],
)
def test_assumptions_that_cannot_be(
    tmp_path: Path, small_net: SRNet, convert: Callable[..., str], assumption: str, part: str
) -> None:
    torch.save(official.to_official(small_net.state_dict(), "edsr"), tmp_path / "net.pth")
    assert part in convert("net.pth", "net.safetensors", "--assume", assumption)
    assert not (tmp_path / "net.safetensors").exists()


def test_an_assumption_that_changes_the_sizes() -> None:
    net = SRNet(HiTSRF(32, 8, (2,), (2,)), partial(IGConv, hidden_dim=8, num_layers=1), (2,))
    weights = official.to_official(net.state_dict(), "hit_srf")
    assert recognise(weights).assumed["hier_win_ratios"] == [0.5, 1]
    with pytest.raises(
        InputError, match=r"hier_win_ratios=\[1, 2\] one weight does not fit: .*spatial_linear.weight is"
    ):
        recognise(weights, {"hier_win_ratios": [1, 2]})


def test_nothing_is_to_be_assumed_where_there_is_a_card(
    tmp_path: Path, small_net: SRNet, convert: Callable[..., str]
) -> None:
    own(tmp_path / "ours.safetensors", small_net)
    line = convert("ours.safetensors", "b.safetensors", "--max-scale", 8)
    assert "ours.safetensors: its model card says what it holds" in line


@pytest.mark.parametrize("name", [name for name in REFERENCES if not name.endswith("igconv")])
def test_a_damaged_file_is_told_by_the_nearest_model(tmp_path: Path, convert: Callable[..., str], name: str) -> None:
    weights = golden(name).state_dict
    model = official.ENCODERS[golden(name).meta["encoder"]].__name__
    whole = recognise(weights)
    keys = [
        key for key in weights if key.endswith("weight") and weights[key].dim() == 4 and weights[key].shape[-1] == 3
    ]
    renamed, reshaped = keys[1], keys[-1]
    damaged = {("renamed.weight" if key == renamed else key): value for key, value in weights.items()}
    damaged[reshaped] = damaged[reshaped][:, :, :2]
    torch.save({"params": damaged}, tmp_path / "net.pth")
    line = convert("net.pth", "net.safetensors")
    assert (
        f"net.pth: this has no model card, and it is none of the paper's models; of the nearest, {whole}, 3 weights"
        in line
    )
    assert model in line
    assert f"{renamed} is missing" in line
    assert "renamed.weight is not part of it" in line
    assert f"{reshaped} is {tuple(damaged[reshaped].shape)}, not {tuple(weights[reshaped].shape)}" in line
    assert list(tmp_path.iterdir()) == [tmp_path / "net.pth"]


def test_another_upsampler_is_told_by_the_encoder(tmp_path: Path) -> None:
    weights = {
        key.removeprefix("encoder."): value for key, value in SRNet(EDSR(8, 2), SPConv, (2,)).state_dict().items()
    }
    with pytest.raises(InputError, match=r"nearest, EDSR \(num_feat=8, num_block=2\) .* upsample.amplitude is missing"):
        recognise(weights)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (
            {"layer1.0.conv1.weight": torch.zeros(8, 3, 3, 3), "fc.bias": torch.zeros(9)},
            "of its 2 weights, such as layer1.0",
        ),
        ({"params": {"x": 1}}, "holds no weights"),
        ({"params": {1: torch.zeros(1)}}, "holds no weights"),
        ({"params": {}}, "holds no weights"),
        ({"epoch": 3}, "neither by themselves nor under params_ema, params, state_dict"),
        ([torch.zeros(1)], "holds no weights"),
        (torch.zeros(1), "holds no weights"),
        ({"conv_first.weight": torch.zeros(())}, "conv_first.weight"),
        (
            {"conv_first.weight": torch.zeros(0, 3, 3, 3), "body.0.conv1.weight": torch.zeros(0)},
            "of its 2 weights, such as conv_first",
        ),
    ],
)
def test_files_of_something_else(tmp_path: Path, convert: Callable[..., str], content: Any, part: str) -> None:
    torch.save(content, tmp_path / "net.pth")
    line = convert("net.pth", "net.safetensors")
    assert line.startswith("igconv-sr: net.pth: this has no model card, and ")
    assert part in line


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch exploded",)


def test_a_pickle_bomb_is_told_and_not_run(tmp_path: Path, convert: Callable[..., str]) -> None:
    torch.save({"params": Bomb()}, tmp_path / "net.pth")
    line = convert("net.pth", "net.safetensors")
    assert "net.pth: this cannot be read as a checkpoint; it asks for posix.system" in line
    assert not (tmp_path / "exploded").exists()


def test_what_exists_is_not_overwritten_unless_asked(
    tmp_path: Path, small_net: SRNet, convert: Callable[..., str]
) -> None:
    torch.save(official.to_official(small_net.state_dict(), "edsr"), tmp_path / "net.pth")
    (tmp_path / "net.safetensors").write_text("mine")
    assert "net.safetensors exists already" in convert("net.pth", "net.safetensors")
    assert (tmp_path / "net.safetensors").read_text() == "mine"
    convert("net.pth", "net.safetensors", "--overwrite")
    assert igconv_sr.load("net.safetensors").encoder.out_channels == 8


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["none.pth", "net.safetensors"], "none.pth does not exist"),
        (["net.pth", "back.pth"], "back.pth: the name must end in .safetensors; --to official writes .pth"),
        (["net.pth", "net.onnx"], "must end in .safetensors"),
        (["net.pth", "net.safetensors", "--to", "official"], "must end in .pth"),
        (["net.pth"], "required: output; see igconv-sr convert --help"),
        (["net.pth", "net.safetensors", "--too"], "--too"),
        (["net.pth", "net.safetensors", "--max-scale", "big"], "--max-scale"),
        (["net.pth", "file/net.safetensors"], "file"),
    ],
)
def test_mistakes(
    tmp_path: Path, small_net: SRNet, convert: Callable[..., str], arguments: list[str], part: str
) -> None:
    torch.save(official.to_official(small_net.state_dict(), "edsr"), tmp_path / "net.pth")
    (tmp_path / "file").write_text("")
    assert part in convert(*arguments)


def test_models_without_a_layout_of_the_authors(tmp_path: Path) -> None:
    net = SRNet(EDSR(8, 1), SPConv, (2, 3))
    card = ModelCard({}, {}, [2, 3], "edsr", "spconv", "sample", 0)
    with pytest.raises(InputError, match="no layout for EDSR with SPConv"):
        save_released(net, card, tmp_path / "net.pth")
    assert not list(tmp_path.iterdir())


def test_unwrap_prefers_the_moving_average() -> None:
    average, plain = {"x": torch.zeros(1)}, {"x": torch.ones(1)}
    assert unwrap({"params": plain, "params_ema": average}) == (average, "params_ema")


def test_help_needs_no_torch(tmp_path: Path) -> None:
    code = "import sys; from igconv_sr.commands.cli import main; sys.argv[1:] = ['convert', '--help']\n"
    code += "try: main()\nexcept SystemExit as stopped: print(stopped.code, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    for flag in ("--to", "--max-scale", "--assume", "--overwrite"):
        assert flag in done.stdout
    assert done.stdout.endswith("0 False\n")
