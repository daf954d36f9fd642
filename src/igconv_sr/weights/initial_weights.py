"""Weights that a training starts from."""

from collections.abc import Mapping
from typing import Any

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.system.console import say
from igconv_sr.upsamplers import IGConv
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load_with_remark

_FREE = ("_target_", "_partial_", "drop_path_rate", "checkpointing", "max_scale")
"""Arguments that may differ, or are compared in another way."""


def start_from(net: SRNet, card: ModelCard, path: str) -> None:
    """Puts the weights of a file into a network, all of them.

    Args:
        net: Of the training.
        card: Of the training.
        path: A checkpoint, whose averaged weights are taken if it has any, safetensors, or the authors' ``.pth``.

    Raises:
        InputError: If they are of another network, or of one that computes something else with them.
    """
    other, other_card, remark = load_with_remark(path)
    card, other_card = (ModelCard.from_json(one.to_json()) for one in (card, other_card))  # lists alike
    if differences := [*_classes(card, other_card), *_arguments(card, other_card), *_max_scale(net, other)]:
        raise InputError(f"weights={path} are of another network: {'; '.join(differences)}")
    try:
        net.load_state_dict(other.state_dict())
    except RuntimeError as error:
        first = " ".join(str(error).split())[:300]
        raise InputError(f"weights={path} do not fit the network: {first}") from error
    say(f"Starts from the weights of {path}: {remark}")


def _classes(card: ModelCard, other: ModelCard) -> list[str]:
    pairs = {"model": (card.encoder, other.encoder), "upsampler": (card.upsampler, other.upsampler)}
    return [
        f"{part} {theirs['_target_'].rpartition('.')[2]}, not {own['_target_'].rpartition('.')[2]}"
        for part, (own, theirs) in pairs.items()
        if own["_target_"] != theirs["_target_"]
    ]


def _arguments(card: ModelCard, other: ModelCard) -> list[str]:
    """Arguments that both name; the others have their defaults, or their weights do not fit."""
    pairs: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "model": (card.encoder, other.encoder),
        "upsampler": (card.upsampler, other.upsampler),
    }
    return [
        f"{part}.{key}={theirs[key]}, not {own[key]}"
        for part, (own, theirs) in pairs.items()
        for key in sorted(own.keys() & theirs.keys() - set(_FREE))
        if own[key] != theirs[key]
    ]


def _max_scale(net: SRNet, other: SRNet) -> list[str]:
    """The largest training scale is no weight, but the hyper-network computes with it."""
    if not (isinstance(net.upsampler, IGConv) and isinstance(other.upsampler, IGConv)):
        return []
    own, theirs = (upsampler.hypernet.max_scale for upsampler in (net.upsampler, other.upsampler))
    return [f"its r_max is {theirs}, not {own}; upsampler.max_scale={theirs} keeps it"] if own != theirs else []
