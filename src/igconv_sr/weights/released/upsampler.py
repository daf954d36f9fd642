"""The keys of IGConv's weights in the authors' files, which are 1×1 convolutions there and linear layers here."""

import math
import re
from contextlib import suppress

from igconv_sr.upsamplers import IGConv
from igconv_sr.weights.released import LAYOUTS
from igconv_sr.weights.released.base import Arguments, Shapes, Sizes, published_arguments

_HEADS = dict.fromkeys((layout.head for layout in LAYOUTS.values()), "hypernet")
_SKIP = "skip.convs"
_HYPERNETWORKS = _HEADS | {_SKIP: "sample_hypernet"}
"""Our name of a hyper-network by the authors'."""


def translate_key(key: str) -> str:
    """Our name of a weight of the authors'.

    Example:
        >>> translate_key("body.0.conv1.weight"), translate_key("skip.convs.query_kernel.2.weight")
        ('encoder.body.0.conv1.weight', 'upsampler.sample_hypernet.mlp.2.weight')
    """
    for prefix, module in _HYPERNETWORKS.items():
        if key.startswith(f"{prefix}."):
            rest = re.sub(r"^query_kernel\.", "mlp.", key.removeprefix(f"{prefix}."))
            return f"upsampler.{module}.{'frequency' if rest == 'freq' else rest}"
    return f"encoder.{key}"


def official_key(name: str, head: str) -> str:
    """The authors' name of a weight of ours, with their upsampler in ``head``: the inverse of :func:`translate_key`."""
    if name.startswith("encoder."):
        return name.removeprefix("encoder.")
    _, hypernetwork, rest = name.split(".", 2)
    prefix = _SKIP if hypernetwork == "sample_hypernet" else head
    return f"{prefix}.{'freq' if rest == 'frequency' else re.sub(r'^mlp[.]', 'query_kernel.', rest)}"


def read_upsampler(channels: int, shapes: Shapes) -> Arguments:
    """Arguments of IGConv and, where it is, IGSample; the published ones of IGConv where nothing is to be seen.

    Args:
        channels: C of the features, 0 if unknown.
        shapes: Shapes of all weights by the authors' keys.
    """
    sizes = Sizes(shapes, published_arguments(IGConv))
    for head in _HEADS if channels else ():
        with suppress(KeyError):
            positions = sizes.size(f"{head}.freq", f"{head}.amplitude")
            width, layers = _read_hypernetwork(head, sizes)
            seen = {"kernel_size": math.isqrt(positions // channels), "hidden_dim": width, "num_layers": layers}
            with suppress(KeyError):
                width, layers = _read_hypernetwork(_SKIP, sizes)
                seen |= {"sample_hidden_dim": width // 2, "sample_num_layers": layers}
            return seen
    return {name: sizes.published[name] for name in ("kernel_size", "hidden_dim", "num_layers")}


def _read_hypernetwork(prefix: str, sizes: Sizes) -> tuple[int, int]:
    """Width and hidden layers."""
    return sizes.size(f"{prefix}.freq", f"{prefix}.amplitude", axis=1), sizes.count(f"{prefix}.query_kernel.#.") - 1
