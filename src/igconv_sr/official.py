"""The authors' released weights: their key names and argument names, mapped to ours.

Encoders keep the authors' parameter names, so that only the upsampler's keys differ: 1×1 convolutions there,
(grouped) linear layers here.
"""

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from igconv_sr import encoders
from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv

ENCODERS: dict[str, type[encoders.Encoder]] = {
    "atd": encoders.ATD,
    "edsr": encoders.EDSR,
    "hat": encoders.HAT,
    "hit_srf": encoders.HiTSRF,
    "mambair": encoders.MambaIR,
    "plksr": encoders.PLKSR,
    "rcan": encoders.RCAN,
    "rdn": encoders.RDN,
    "smfanet": encoders.SMFANet,
    "srformer": encoders.SRFormer,
    "swinir": encoders.SwinIR,
}
"""Encoder by the name in a reference file's ``meta``."""

_ALWAYS_FGREP = ("rdn",)
"""Whatever ``fgrep`` in its ``meta`` says, the outputs of RDN's IGConv reference are those with FGRep."""

TRAINED_SCALES = (2, 3, 4)
"""Scales of the released models; the ×8 models say so by ``max_scale``."""

_BUFFERS = (
    "relative_position_index",
    "relative_position_index_SA",
    "relative_position_index_OCA",
    "aligned_relative_position_index",
    "attn_mask",
)
"""Last part of the keys of indices and masks: they follow from the sizes and carry no weights."""

_HYPERNETWORKS = {
    "upsample.": "hypernet",
    "to_img.": "hypernet",
    "to_rgb.": "hypernet",
    "tail.": "hypernet",
    "UPNet.": "hypernet",
    "skip.convs.": "sample_hypernet",
}
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
    arguments = dict(meta["upsampler_args"])
    arguments["fgrep"] = arguments.get("fgrep", False) or meta["encoder"] in _ALWAYS_FGREP
    upsampler = partial(IGConv, igsample=meta["upsampler"] == "igconv_plus", **arguments)
    encoder_args = {**_training_patch(meta, state_dict), **meta["encoder_args"]}
    net = SRNet(ENCODERS[meta["encoder"]](**encoder_args), upsampler, TRAINED_SCALES)
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
        if key.rpartition(".")[-1] in _BUFFERS:
            continue
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


def _training_patch(meta: Mapping[str, Any], state_dict: Mapping[str, Tensor]) -> dict[str, int]:
    """The training patch of SwinIR and SRFormer as an argument: a window at least as large takes away the shift.

    Only shifted blocks keep a mask, one per window of the training patch. HAT's patch leaves no trace.
    """
    if meta["encoder"] not in ("swinir", "srformer") or max(meta["encoder_args"]["depths"]) < 2:
        return {}
    window = meta["encoder_args"]["window_size"]
    for key, value in state_dict.items():
        if key.endswith("attn_mask"):
            return {"img_size": window * math.isqrt(value.shape[0])}
    if meta["encoder"] == "swinir":  # whose windows shrink to the patch
        table = state_dict["layers.0.residual_group.blocks.0.attn.relative_position_bias_table"]
        window = (math.isqrt(table.shape[0]) + 1) // 2
    return {"img_size": window}


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
