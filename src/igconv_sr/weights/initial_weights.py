"""Weights that a training starts from."""

from collections.abc import Mapping, Sequence
from typing import Any

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.system.console import say
from igconv_sr.upsamplers import IGConv
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load_with_remark

_FREE = ("_target_", "_partial_", "drop_path_rate", "checkpointing", "max_scale")
"""Arguments that may differ, or are compared in another way."""

_ENCODER = "encoder."

_LISTED = 6
"""Fresh parts that a line names."""


def start_from(net: SRNet, card: ModelCard, path: str, strict: bool = False) -> None:
    """Puts the weights of a file into a network: the encoder's, all of them, and those of the upsampler that fit.

    An upsampler of another kind, or that computes something else with its weights, stays fresh. Of one with a head per
    scale the heads of scales that both have are taken.

    Args:
        net: Of the training.
        card: Of the training.
        path: A checkpoint, whose averaged weights are taken if it has any, safetensors, or the authors' ``.pth``.
        strict: Whether anything fresh is refused.

    Raises:
        InputError: If the encoder is another one, or something stays fresh and ``strict`` is set.
    """
    other, other_card, remark = load_with_remark(path)
    card, other_card = (ModelCard.from_json(one.to_json()) for one in (card, other_card))  # lists alike
    if differences := _differences("model", card.encoder, other_card.encoder):
        raise InputError(f"weights={path} are of another network: {'; '.join(differences)}{_assumed(path)}")
    reasons = [*_differences("upsampler", card.upsampler, other_card.upsampler), *_max_scale(net, other)]
    theirs = other.encoder.state_dict(prefix=_ENCODER) if reasons else other.state_dict()
    own = net.state_dict()
    taken = {key: value for key, value in theirs.items() if key in own and own[key].shape == value.shape}
    fresh = [key for key in own if key not in taken]
    if unfit := [key for key in fresh if key.startswith(_ENCODER)]:
        raise InputError(f"weights={path} do not fit the network: {unfit[0]} is missing or has another shape")
    if fresh and strict:
        raise InputError(f"weights={path} leave {_listed(fresh, reasons)} fresh, and weights_strict=true refuses that")
    net.load_state_dict(taken, strict=False)
    say(f"Starts from the weights of {path}: {remark}{f'; fresh: {_listed(fresh, reasons)}' if fresh else ''}")


def _listed(fresh: Sequence[str], reasons: Sequence[str]) -> str:
    """Parts of a network, or the upsampler as a whole with why."""
    if reasons:
        return f"the upsampler ({'; '.join(reasons)})"
    parts = list(dict.fromkeys(".".join(key.split(".")[:3]) for key in fresh))
    return ", ".join(parts[:_LISTED]) + (f" and {len(parts) - _LISTED} more" if len(parts) > _LISTED else "")


def _assumed(path: str) -> str:
    if not path.endswith(".pth"):
        return ""
    return "; what such a file does not show is assumed, igconv-sr convert --assume name=value says it"


def _differences(part: str, own: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Classes, or arguments that both name; the others have their defaults, or their weights do not fit."""
    names = [arguments["_target_"].rpartition(".")[2] for arguments in (theirs, own)]
    if own["_target_"] != theirs["_target_"]:
        return [f"{part} {names[0]}, not {names[1]}"]
    return [
        f"{part}.{key}={theirs[key]}, not {own[key]}"
        for key in sorted(own.keys() & theirs.keys() - set(_FREE))
        if own[key] != theirs[key]
    ]


def _max_scale(net: SRNet, other: SRNet) -> list[str]:
    """The largest training scale is no weight, but the hyper-network computes with it."""
    if not (isinstance(net.upsampler, IGConv) and isinstance(other.upsampler, IGConv)):
        return []
    own, theirs = (upsampler.hypernet.max_scale for upsampler in (net.upsampler, other.upsampler))
    return [f"its r_max is {theirs}, not {own}; upsampler.max_scale={theirs} keeps it"] if own != theirs else []
