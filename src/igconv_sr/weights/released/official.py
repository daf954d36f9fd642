"""The authors' released weights, as weights of ours and back, and the network of a reference file."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv
from igconv_sr.weights.released import LAYOUTS
from igconv_sr.weights.released.base import TRAINED_SCALES, shapes_of
from igconv_sr.weights.released.upsampler import official_key, translate_key

ENCODERS = {name: layout.encoder for name, layout in LAYOUTS.items()}
"""Encoder by the name in a reference file's ``meta``."""

BUFFERS = {key.rpartition(".")[-1] for layout in LAYOUTS.values() for key in layout.buffers(layout.published)}
"""Last part of the keys of indices and masks: they follow from the sizes and carry no weights."""


def build(meta: Mapping[str, Any], state_dict: Mapping[str, Tensor]) -> SRNet:
    """The network of a reference file of the authors' models, in eval mode.

    Args:
        meta: ``encoder``, ``encoder_args``, ``upsampler`` (``igconv`` or ``igconv_plus``), ``upsampler_args``.
        state_dict: The weights under the authors' key names.

    Raises:
        InputError: If the encoder or upsampler is unknown, or a weight is missing, left over or of another shape.
    """
    if meta["encoder"] not in ENCODERS:
        raise InputError(f"unknown encoder {meta['encoder']!r}; known are {', '.join(ENCODERS)}")
    patch = LAYOUTS[meta["encoder"]].training_patch(meta["encoder_args"], state_dict)
    net = network({**meta, "encoder_args": {**patch, **meta["encoder_args"]}})
    net.load_state_dict(from_official(state_dict, net.state_dict()))
    return net.eval()


def network(meta: Mapping[str, Any]) -> SRNet:
    """As :func:`build`, with fresh weights."""
    layout = LAYOUTS[meta["encoder"]]
    if meta["upsampler"] not in ("igconv", "igconv_plus"):
        raise InputError(f"unknown upsampler {meta['upsampler']!r}; known are igconv and igconv_plus")
    arguments = dict(meta["upsampler_args"])
    arguments["fgrep"] = arguments.get("fgrep", False) or layout.always_fgrep
    upsampler = partial(IGConv, igsample=meta["upsampler"] == "igconv_plus", **arguments)
    return SRNet(layout.encoder(**meta["encoder_args"]), upsampler, TRAINED_SCALES)


def from_official(state_dict: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the authors' key names as weights of a network of ours.

    Args:
        state_dict: The authors', with or without their indices and masks.
        own: Weights of our network, of which only the shapes count.

    Raises:
        InputError: If a weight is missing, left over or of another shape; names the first few.
    """
    translated = {}
    for key, value in without_buffers(state_dict).items():
        name = translate_key(key)
        fits = name in own and _official_shape(name, own[name]) == value.shape
        translated[name] = value.reshape(own[name].shape) if fits else value
    if wrong := sorted(dict(shapes_of(own).items() ^ shapes_of(translated).items())):
        raise InputError(f"{len(wrong)} weights do not fit this network, the first: {', '.join(wrong[:5])}")
    return translated


def to_official(weights: Mapping[str, Tensor], encoder: str) -> dict[str, Tensor]:
    """Weights of an SRNet of ours under the authors' key names and in their shapes, without indices and masks."""
    head = LAYOUTS[encoder].head
    translated = {}
    for name, value in weights.items():
        translated[official_key(name, head)] = value.reshape(_official_shape(name, value))
    return translated


def _official_shape(name: str, value: Tensor) -> torch.Size:
    """The shape of a weight of ours in their files, where the upsampler's linear layers are 1×1 convolutions."""
    if not name.startswith("upsampler."):
        return value.shape
    outputs, inputs = value.numel() // value.shape[-1], value.shape[-1]
    return torch.Size((value.numel(),) if name.endswith("bias") else (outputs, inputs, 1, 1))


def without_buffers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' weights without their indices and masks."""
    return {key: value for key, value in weights.items() if key.rpartition(".")[-1] not in BUFFERS}
