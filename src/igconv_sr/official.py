"""The authors' released weights: their key names and argument names, mapped to ours.

Encoders keep the authors' parameter names, so that only the upsampler's keys differ: 1×1 convolutions there,
(grouped) linear layers here.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from igconv_sr import encoders
from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv

ENCODERS: dict[str, type[encoders.Encoder]] = {"edsr": encoders.EDSR, "smfanet": encoders.SMFANet}
"""Encoder by the name in a reference file's ``meta``."""

TRAINED_SCALES = (2, 3, 4)
"""Scales of the released models; the ×8 models say so by ``max_scale``."""

_HYPERNETWORKS = {"upsample.": "hypernet", "to_img.": "hypernet", "skip.convs.": "sample_hypernet"}
_LATENTS = {"freq": "frequency", "amplitude": "amplitude"}


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
    if meta["upsampler"] not in ("igconv", "igconv_plus"):
        raise InputError(f"unknown upsampler {meta['upsampler']!r}; known are igconv and igconv_plus")
    upsampler = partial(IGConv, igsample=meta["upsampler"] == "igconv_plus", **meta["upsampler_args"])
    net = SRNet(ENCODERS[meta["encoder"]](**meta["encoder_args"]), upsampler, TRAINED_SCALES)
    load_official(net, state_dict)
    return net.eval()


def load_official(net: SRNet, state_dict: Mapping[str, Tensor]) -> None:
    """Loads weights under the authors' key names into a network, all of them or none.

    Raises:
        InputError: If a weight is missing, left over or of another shape; names the first few.
    """
    own = net.state_dict()
    translated = {}
    for key, value in state_dict.items():
        name = translate_key(key)
        # A 1×1 convolution's weight is a linear layer's; only the shape differs.
        fits = name in own and own[name].numel() == value.numel()
        translated[name] = value.reshape(own[name].shape) if fits else value
    wrong = sorted(
        name
        for name in own.keys() | translated.keys()
        if name not in own or name not in translated or own[name].shape != translated[name].shape
    )
    if wrong:
        raise InputError(f"{len(wrong)} weights do not fit this network, the first: {', '.join(wrong[:5])}")
    net.load_state_dict(translated)


def translate_key(key: str) -> str:
    """Our name of a weight of the authors'.

    Example:
        >>> translate_key("body.0.conv1.weight"), translate_key("skip.convs.query_kernel.2.weight")
        ('encoder.body.0.conv1.weight', 'upsampler.sample_hypernet.mlp.2.weight')
    """
    for prefix, module in _HYPERNETWORKS.items():
        if key.startswith(prefix):
            rest = re.sub(r"^query_kernel\.", "mlp.", key.removeprefix(prefix))
            return f"upsampler.{module}.{_LATENTS.get(rest, rest)}"
    return f"encoder.{key}"
