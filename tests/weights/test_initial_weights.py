"""A training starts from weights that are wholly its network's, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from igconv_sr.errors import InputError
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import save_released, save_safetensors
from igconv_sr.weights.initial_weights import start_from

CARD = ModelCard(
    encoder={"_target_": "igconv_sr.encoders.EDSR", "num_feat": 4, "num_block": 1, "res_scale": 0.1},
    upsampler={
        "_target_": "igconv_sr.upsamplers.IGConv",
        "_partial_": True,
        "hidden_dim": 8,
        "num_layers": 1,
        "fgrep": True,
        "max_scale": None,
    },
    scales=[2, 3, 4],
    model="edsr",
    upsampler_name="igconv",
    train_data="",
    seed=0,
)


SPCONV = {"_target_": "igconv_sr.upsamplers.SPConv", "_partial_": True}


def changed(part: str, **arguments: object) -> ModelCard:
    return replace(CARD, **{part: {**getattr(CARD, part), **arguments}})


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    save_safetensors(CARD.build(), CARD, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize("scales", [[2, 3, 4], [4]])
def test_all_weights_are_taken(weights: Path, scales: list[int]) -> None:
    card = replace(CARD, scales=scales)
    net = card.build()
    start_from(net, card, str(weights))
    torch.manual_seed(1)
    expected = CARD.build().state_dict()
    for key, value in net.state_dict().items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize(
    ("card", "line"),
    [
        (changed("encoder", num_feat=8), "model.num_feat=4, not 8"),
        (changed("encoder", res_scale=1), "model.res_scale=0.1, not 1"),
    ],
)
def test_another_encoder_is_one_line(weights: Path, card: ModelCard, line: str) -> None:
    with pytest.raises(InputError) as error:
        start_from(card.build(), card, str(weights))
    assert line in str(error.value)
    assert "\n" not in str(error.value)
    assert str(weights) in str(error.value)


@pytest.mark.parametrize(
    ("card", "line"),
    [
        (changed("upsampler", fgrep=False), "the upsampler (upsampler.fgrep=True, not False)"),
        (replace(CARD, scales=[2, 8]), "its r_max is 4, not 8; upsampler.max_scale=4 keeps it"),
        (replace(CARD, upsampler=SPCONV), "the upsampler (upsampler IGConv, not SPConv)"),
        (changed("upsampler", hidden_dim=16), "the upsampler (upsampler.hidden_dim=8, not 16)"),
    ],
)
def test_the_encoder_is_taken_and_another_upsampler_is_fresh(
    weights: Path, card: ModelCard, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(3)
    net = card.build()
    before = {key: value.clone() for key, value in net.upsampler.state_dict().items()}
    start_from(net, card, str(weights))
    (printed,) = capsys.readouterr().out.splitlines()
    assert line in printed
    torch.manual_seed(1)
    for key, value in CARD.build().encoder.state_dict().items():
        assert torch.equal(value, net.encoder.state_dict()[key]), key
    for key, value in before.items():
        assert torch.equal(value, net.upsampler.state_dict()[key]), key
    with pytest.raises(InputError, match="weights_strict=true"):
        start_from(net, card, str(weights), strict=True)


def test_parts_that_the_file_lacks_are_fresh_alone(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = changed("upsampler", igsample=True)
    net = card.build()
    start_from(net, card, str(weights))
    assert "fresh: upsampler.sample_hypernet." in capsys.readouterr().out
    torch.manual_seed(1)
    assert torch.equal(net.upsampler.hypernet.frequency, CARD.build().upsampler.hypernet.frequency)  # type: ignore[union-attr]


def test_heads_of_scales_that_both_have_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(1)
    given = replace(CARD, upsampler=SPCONV, scales=[2, 4])
    net = given.build()
    save_safetensors(net, given, tmp_path / "heads.safetensors")
    card = replace(given, scales=[4, 8])
    other = card.build()
    start_from(other, card, str(tmp_path / "heads.safetensors"))
    printed = capsys.readouterr().out
    assert ".8" in printed
    assert ".4" not in printed
    own = other.state_dict()
    shared = [key for key in net.state_dict() if key in own]
    assert any(key.startswith("upsampler") for key in shared)
    for key in shared:
        assert torch.equal(net.state_dict()[key], own[key]), key


def test_another_largest_scale_can_be_kept(weights: Path) -> None:
    card = replace(changed("upsampler", max_scale=4), scales=[2, 8])
    start_from(card.build(), card, str(weights))


def test_a_file_in_the_authors_layout_serves_too(tmp_path: Path) -> None:
    torch.manual_seed(2)
    net = CARD.build()
    save_released(net, CARD, tmp_path / "released.pth")
    other = CARD.build()
    start_from(other, CARD, str(tmp_path / "released.pth"))
    for key, value in net.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
