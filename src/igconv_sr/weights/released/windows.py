"""What the files of SwinIR's descendants have in common: groups of blocks and, in most, windows with an index.

Legend: Y and X rows and columns of windows, N tokens of a window, K keys of a window.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from igconv_sr.layers.windows import border_mask
from igconv_sr.weights.released.base import Arguments, Sizes


def read_trunk(sizes: Sizes, blocks: str = "blocks") -> Arguments:
    """Channels and depths."""
    return {
        "embed_dim": sizes.size("conv_first.weight", "conv_after_body.weight", "layers.#.conv.weight"),
        "depths": sizes.counts(f"layers.#.residual_group.{blocks}.#."),
    }


def read_heads(sizes: Sizes, groups: int, keys: str, axis: int) -> list[int]:
    """Attention heads of each group, from the sizes of weights in its blocks."""
    return [sizes.size(f"layers.{group}.residual_group.{keys}", axis=axis) for group in range(groups)]


def read_windowed(sizes: Sizes, blocks: str = "blocks", attention: str = "attn", mlp: str = "mlp") -> Arguments:
    """Arguments of an encoder whose attention has a table of position biases, one row per difference of positions."""
    trunk = read_trunk(sizes, blocks)
    table = f"{blocks}.#.{attention}.relative_position_bias_table"
    hidden = sizes.size(f"layers.#.residual_group.{blocks}.#.{mlp}.fc1.weight")
    return trunk | {
        "num_heads": read_heads(sizes, len(trunk["depths"]), table, axis=1),
        "window_size": (math.isqrt(sizes.size(f"layers.#.residual_group.{table}")) + 1) // 2,
        "mlp_ratio": sizes.factor("mlp_ratio", trunk["embed_dim"], hidden),
    }


def training_patch(arguments: Mapping[str, Any], weights: Mapping[str, Tensor]) -> dict[str, int]:
    """The training patch as an argument: a window at least as large takes away the shift.

    Only shifted blocks keep a mask, one per window of the training patch. Weights without their masks and indices do
    not show it.
    """
    masks = (value for key, value in weights.items() if key.endswith("attn_mask"))
    if max(arguments["depths"]) < 2 or not any(
        key.endswith(("attn_mask", "relative_position_index")) for key in weights
    ):
        return {}
    windows = next((mask.shape[:1].numel() for mask in masks), 1)
    return {"img_size": arguments["window_size"] * math.isqrt(windows)}


def position_index(window: int) -> Tensor:
    """Place of each difference query - key within a window in a table, (N,K)."""
    axis = torch.arange(window)
    return pair_index(axis[:, None] - axis + window - 1, 2 * window - 1)


def pair_index(difference: Tensor, differences: int) -> Tensor:
    """Joins the differences along one axis, the same for both, to places in a table of ``differences`` per axis."""
    places = difference[:, None, :, None] * differences + difference[None, :, None, :]
    return places.flatten(2).flatten(0, 1)


def buffers_of_blocks(arguments: Arguments, name: str, index: Tensor, window: int, key_step: int) -> dict[str, Tensor]:
    """An index, (N,K), of this name for each block and a mask for each that shifts; a key has ``key_step``² pixels."""
    shifts = window < arguments["img_size"]
    mask = _mask(-(-arguments["img_size"] // window), window, key_step) if shifts else None
    buffers = {}
    for group, depth in enumerate(arguments["depths"]):
        for block in range(depth):
            prefix = f"layers.{group}.residual_group.blocks.{block}"
            buffers[f"{prefix}.attn.{name}"] = index
            if mask is not None and block % 2:
                buffers[f"{prefix}.attn_mask"] = mask
    return buffers


def _mask(windows: int, window: int, key_step: int) -> Tensor:
    """The mask of ``windows``² windows shifted by half a window, (Y·X,N,K); 0 but for those at the border."""
    side = windows * window
    border = border_mask(side, side, window, window // 2, key_step, torch.device("cpu"))
    mask = border.new_zeros(windows, windows, *border.shape[1:])
    mask[:-1, -1], mask[-1] = torch.split(border, [windows - 1, windows])
    return mask.flatten(0, 1)
