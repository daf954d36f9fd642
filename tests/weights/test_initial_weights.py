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
        (changed("upsampler", fgrep=False), "upsampler.fgrep=True, not False"),
        (replace(CARD, scales=[2, 8]), "its r_max is 4, not 8; upsampler.max_scale=4 keeps it"),
        (replace(CARD, upsampler={"_target_": "igconv_sr.upsamplers.SPConv", "_partial_": True}), "IGConv, not SPConv"),
        (changed("upsampler", igsample=True), "sample_hypernet"),
    ],
)
def test_another_network_is_one_line(weights: Path, card: ModelCard, line: str) -> None:
    with pytest.raises(InputError) as error:
        start_from(card.build(), card, str(weights))
    assert line in str(error.value)
    assert "\n" not in str(error.value)
    assert str(weights) in str(error.value)


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
