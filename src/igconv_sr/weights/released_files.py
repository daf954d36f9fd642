"""Files in the layout of the authors' releases: a dict of weights under ``params_ema``, with their key names."""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.released import LAYOUTS, official
from igconv_sr.weights.released.base import published_arguments
from igconv_sr.weights.released.recognise import Recognised, listed, recognise, unwrap

_log = logging.getLogger(__name__)

WEIGHTS_KEY = "params_ema"


def from_released(content: Any, assume: Mapping[str, Any] | None = None) -> tuple[ModelCard, dict[str, Tensor], str]:
    """Recognises the weights in the content of a released file.

    Args:
        content: What ``torch.load`` read.
        assume: Values of arguments that the weights do not show, instead of the published ones.

    Returns:
        A card, the weights under our names and in our shapes, and what was recognised, in words.

    Raises:
        InputError: See :func:`igconv_sr.weights.released.recognise.recognise`.
    """
    weights, where = unwrap(content)
    model = recognise(weights, assume)
    remark = f"{model}, under {where}; not shown by the weights and assumed: {listed(model.assumed)}"
    _log.info(remark)
    card = _card(model)
    return card, translate(weights, card), remark


def translate(weights: Mapping[str, Tensor], card: ModelCard) -> dict[str, Tensor]:
    """The authors' weights as weights of the network that a card describes.

    Raises:
        InputError: If they do not fit.
    """
    with torch.device("meta"):
        own = card.build().state_dict()
    return official.from_official(weights, own)


def to_released(net: SRNet, card: ModelCard) -> dict[str, dict[str, Tensor]]:
    """The content of a file as the authors' code reads it, with the indices and masks that it asks for.

    Raises:
        InputError: If they have no such model.
    """
    layout = next((layout for layout in LAYOUTS.values() if type(net.encoder) is layout.encoder), None)
    if layout is None or not isinstance(net.upsampler, IGConv):
        parts = f"{type(net.encoder).__name__} with {type(net.upsampler).__name__}"
        raise InputError(
            f"the authors have no layout for {parts}, only for the paper's encoders with IGConv or IGConv+"
        )
    weights = official.to_official(net.state_dict(), layout.name)
    return {WEIGHTS_KEY: weights | layout.buffers(layout.published | dict(card.encoder))}


def _card(model: Recognised) -> ModelCard:
    layout, largest = LAYOUTS[model.encoder], model.upsampler_args["max_scale"]
    upsampler = {**published_arguments(IGConv), **model.upsampler_args}
    return ModelCard(
        encoder={"_target_": f"igconv_sr.encoders.{layout.encoder.__name__}", **model.encoder_args},
        upsampler={
            "_target_": "igconv_sr.upsamplers.IGConv",
            "_partial_": True,
            **upsampler,
            "igsample": model.upsampler == "igconv_plus",
        },
        scales=list(layout.scales if largest == max(layout.scales) else range(2, largest + 1)),
        model=model.encoder,
        upsampler_name=model.upsampler,
        train_data="unknown",
        seed=0,
    )
