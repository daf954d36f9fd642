"""SwinIR. Its windows shrink to the training patch."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from igconv_sr.encoders import SwinIR
from igconv_sr.weights.released.base import Arguments, Layout, Sizes
from igconv_sr.weights.released.windows import buffers_of_blocks, position_index, read_windowed, training_patch


def _read(sizes: Sizes) -> Arguments:
    sizes.size("layers.#.residual_group.blocks.#.attn.qkv.weight")  # which SRFormer has not
    return read_windowed(sizes)


def _buffers(arguments: Arguments) -> dict[str, Tensor]:
    window = min(arguments["window_size"], arguments["img_size"])
    return buffers_of_blocks(arguments, "relative_position_index", position_index(window), window, key_step=1)


def _training_patch(arguments: Mapping[str, Any], weights: Mapping[str, Tensor]) -> dict[str, int]:
    patch = training_patch(arguments, weights)
    if patch.get("img_size") != arguments["window_size"]:
        return patch
    table = weights["layers.0.residual_group.blocks.0.attn.relative_position_bias_table"]
    return {"img_size": (math.isqrt(table.shape[0]) + 1) // 2}


LAYOUT = Layout("swinir", SwinIR, "embed_dim", _read, buffers=_buffers, training_patch=_training_patch)
