"""Indices and masks that the authors' models keep among their weights; without them their code loads no file.

Legend: Y and X rows and columns of windows, N tokens of a window, K keys of a window, y and x rows and columns of a
window of keys, i and j rows and columns of the pixels of a key.
"""

from collections.abc import Mapping
from typing import Any

import torch
from einops import repeat
from torch import Tensor

from igconv_sr.layers.windows import border_mask

_PIXELS_PER_KEY = 2
"""Of SRFormer, along each axis."""


def index_buffers(encoder: str, arguments: Mapping[str, Any]) -> dict[str, Tensor]:
    """The indices and masks of a model of the authors', by key.

    Args:
        encoder: One of :data:`igconv_sr.weights.released.official.ENCODERS`.
        arguments: All arguments of its class.
    """
    match encoder:
        case "atd":
            return {"relative_position_index_SA": _index(arguments["window_size"])}
        case "hat":
            window = arguments["window_size"]
            wide = window + int(window * arguments["overlap_ratio"])
            return {"relative_position_index_SA": _index(window), "relative_position_index_OCA": _wide(window, wide)}
        case "swinir":
            window = min(arguments["window_size"], arguments["img_size"])
            return _in_blocks(arguments, "relative_position_index", _index(window), window, key_step=1)
        case "srformer":
            window = arguments["window_size"]
            keys = window // _PIXELS_PER_KEY
            pattern, pixels = "(y x) k -> (y i x j) k", _PIXELS_PER_KEY
            index = repeat(_index(keys), pattern, y=keys, i=pixels, j=pixels)
            return _in_blocks(arguments, "aligned_relative_position_index", index, window, key_step=pixels)
        case _:
            return {}


def _in_blocks(arguments: Mapping[str, Any], name: str, index: Tensor, window: int, key_step: int) -> dict[str, Tensor]:
    """An index for each block and a mask for each that shifts."""
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


def _index(window: int) -> Tensor:
    """Place of each difference query - key within a window in a table, (N,K)."""
    axis = torch.arange(window)
    return _pairs(axis[:, None] - axis + window - 1, 2 * window - 1)


def _wide(window: int, wide: int) -> Tensor:
    """Place of each difference key - query, (N,K), as HAT's overlapping windows count it, below zero too."""
    difference = torch.arange(wide) - torch.arange(window)[:, None]
    return _pairs(difference + window - wide + 1, window + wide - 1)


def _pairs(difference: Tensor, differences: int) -> Tensor:
    """Joins the differences along one axis, the same for both, to places in a table of ``differences`` per axis."""
    places = difference[:, None, :, None] * differences + difference[None, :, None, :]
    return places.flatten(2).flatten(0, 1)


def _mask(windows: int, window: int, key_step: int) -> Tensor:
    """The mask of ``windows``² windows shifted by half a window, (Y·X,N,K); 0 but for those at the border."""
    side = windows * window
    border = border_mask(side, side, window, window // 2, key_step, torch.device("cpu"))
    mask = border.new_zeros(windows, windows, *border.shape[1:])
    mask[:-1, -1], mask[-1] = torch.split(border, [windows - 1, windows])
    return mask.flatten(0, 1)
