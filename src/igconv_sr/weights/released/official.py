"""The authors' released weights: their key names, shapes and argument names, mapped to ours and back.

Encoders keep the authors' parameter names, so that only the upsampler's keys differ: 1×1 convolutions there,
(grouped) linear layers here.
"""

import inspect
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

ALWAYS_FGREP = ("rdn",)
"""Whatever ``fgrep`` in its ``meta`` says, the outputs of RDN's IGConv reference are those with FGRep."""

TRAINED_SCALES = (2, 3, 4)
"""Scales of the released models; the ×8 models say so by ``max_scale``."""

BUFFERS = (
    "relative_position_index",
    "relative_position_index_SA",
    "relative_position_index_OCA",
    "aligned_relative_position_index",
    "attn_mask",
)
"""Last part of the keys of indices and masks: they follow from the sizes and carry no weights."""

_UPSAMPLE = "upsample"
_HEADS = {"plksr": "to_rgb", "rcan": "tail", "rdn": "UPNet", "smfanet": "to_img"}
"""Where an encoder's class keeps its upsampler, if not in ``upsample``."""

_SKIP = "skip.convs"
HYPERNETWORKS = dict.fromkeys((_UPSAMPLE, *_HEADS.values()), "hypernet") | {_SKIP: "sample_hypernet"}
"""Our name of a hyper-network by the authors'."""

_LATENTS = {"freq": "frequency"}


def build(meta: Mapping[str, Any], state_dict: Mapping[str, Tensor]) -> SRNet:
    """The network of a reference file of the authors' models, in eval mode.

    Args:
        meta: ``encoder``, ``encoder_args``, ``upsampler`` (``igconv`` or ``igconv_plus``), ``upsampler_args``.
        state_dict: The weights under the authors' key names.

    Raises:
        InputError: If the encoder or upsampler is unknown, or a weight is missing, left over or of another shape.
    """
    patch = training_patch(meta["encoder"], meta["encoder_args"], state_dict)
    net = network({**meta, "encoder_args": {**patch, **meta["encoder_args"]}})
    load_official(net, state_dict)
    return net.eval()


def network(meta: Mapping[str, Any]) -> SRNet:
    """As :func:`build`, with fresh weights."""
    if meta["encoder"] not in ENCODERS:
        raise InputError(f"unknown encoder {meta['encoder']!r}; known are {', '.join(ENCODERS)}")
    if meta["upsampler"] not in ("igconv", "igconv_plus"):
        raise InputError(f"unknown upsampler {meta['upsampler']!r}; known are igconv and igconv_plus")
    arguments = dict(meta["upsampler_args"])
    arguments["fgrep"] = arguments.get("fgrep", False) or meta["encoder"] in ALWAYS_FGREP
    upsampler = partial(IGConv, igsample=meta["upsampler"] == "igconv_plus", **arguments)
    return SRNet(ENCODERS[meta["encoder"]](**meta["encoder_args"]), upsampler, TRAINED_SCALES)


def load_official(net: SRNet, state_dict: Mapping[str, Tensor]) -> None:
    """Loads weights under the authors' key names into a network, all of them or none.

    Raises:
        InputError: If a weight is missing, left over or of another shape; names the first few.
    """
    net.load_state_dict(from_official(state_dict, net.state_dict()))


def from_official(state_dict: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the authors' key names as weights of a network of ours.

    Args:
        state_dict: The authors', with or without their indices and masks.
        own: Weights of our network, of which only the shapes count.

    Raises:
        InputError: If a weight is missing, left over or of another shape; names the first few.
    """
    translated = {}
    for key, value in state_dict.items():
        if key.rpartition(".")[-1] in BUFFERS:
            continue
        name = translate_key(key)
        # The upsampler's 1×1 convolutions are linear layers here; only the shape differs.
        fits = name.startswith("upsampler.") and name in own and own[name].numel() == value.numel()
        translated[name] = value.reshape(own[name].shape) if fits else value
    wrong = sorted(
        name
        for name in own.keys() | translated.keys()
        if name not in own or name not in translated or own[name].shape != translated[name].shape
    )
    if wrong:
        raise InputError(f"{len(wrong)} weights do not fit this network, the first: {', '.join(wrong[:5])}")
    return translated


def training_patch(encoder: str, encoder_args: Mapping[str, Any], state_dict: Mapping[str, Tensor]) -> dict[str, int]:
    """The training patch of SwinIR and SRFormer as an argument: a window at least as large takes away the shift.

    Only shifted blocks keep a mask, one per window of the training patch. HAT's patch leaves no trace, and nor does
    that of weights without their masks and indices.
    """
    if encoder not in ("swinir", "srformer") or max(encoder_args["depths"]) < 2:
        return {}
    window = encoder_args["window_size"]
    for key, value in state_dict.items():
        if key.endswith("attn_mask"):
            return {"img_size": window * math.isqrt(value.shape[:1].numel())}
    if not any(key.endswith("relative_position_index") for key in state_dict):
        return {}
    if encoder == "swinir":  # whose windows shrink to the patch
        table = state_dict["layers.0.residual_group.blocks.0.attn.relative_position_bias_table"]
        window = (math.isqrt(table.shape[0]) + 1) // 2
    return {"img_size": window}


def published_arguments(cls: type) -> dict[str, Any]:
    """Arguments of the released model of a class, which are its defaults; lists instead of tuples.

    Example:
        >>> published_arguments(encoders.EDSR)
        {'num_feat': 256, 'num_block': 32, 'res_scale': 0.1}
    """
    defaults = {name: argument.default for name, argument in inspect.signature(cls).parameters.items()}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in defaults.items()
        if value is not inspect.Parameter.empty
    }


def translate_key(key: str) -> str:
    """Our name of a weight of the authors'.

    Example:
        >>> translate_key("body.0.conv1.weight"), translate_key("skip.convs.query_kernel.2.weight")
        ('encoder.body.0.conv1.weight', 'upsampler.sample_hypernet.mlp.2.weight')
    """
    for prefix, module in HYPERNETWORKS.items():
        if key.startswith(f"{prefix}."):
            rest = re.sub(r"^query_kernel\.", "mlp.", key.removeprefix(f"{prefix}."))
            return f"upsampler.{module}.{_LATENTS.get(rest, rest)}"
    return f"encoder.{key}"


def official_key(name: str, encoder: str) -> str:
    """The authors' name of a weight of ours: the inverse of :func:`translate_key` for one of :data:`ENCODERS`.

    Example:
        >>> official_key("upsampler.hypernet.frequency", "edsr"), official_key("upsampler.hypernet.mlp.2.bias", "rdn")
        ('upsample.freq', 'UPNet.query_kernel.2.bias')
    """
    if name.startswith("encoder."):
        return name.removeprefix("encoder.")
    _, hypernetwork, rest = name.split(".", 2)
    prefix = _SKIP if hypernetwork == "sample_hypernet" else _HEADS.get(encoder, _UPSAMPLE)
    rest = {ours: theirs for theirs, ours in _LATENTS.items()}.get(rest, rest)
    return f"{prefix}.{re.sub(r'^mlp[.]', 'query_kernel.', rest)}"


def to_official(weights: Mapping[str, Tensor], encoder: str) -> dict[str, Tensor]:
    """Weights of an SRNet of ours under the authors' key names and in their shapes, without indices and masks."""
    translated = {}
    for name, value in weights.items():
        if name.startswith("upsampler."):
            value = value.flatten() if name.endswith("bias") else value.reshape(-1, value.shape[-1], 1, 1)
        translated[official_key(name, encoder)] = value
    return translated
