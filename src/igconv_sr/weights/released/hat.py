"""HAT. Its training patch and the scale of its convolutions do not show."""

import math

import torch
from torch import Tensor

from igconv_sr.encoders import HAT
from igconv_sr.weights.released.base import Arguments, Layout, Sizes
from igconv_sr.weights.released.windows import pair_index, position_index, read_windowed


def _read(sizes: Sizes) -> Arguments:
    seen = read_windowed(sizes)
    embed_dim, window = seen["embed_dim"], seen["window_size"]
    convolutions = "layers.#.residual_group.blocks.#.conv_block.cab"
    compressed = sizes.size(f"{convolutions}.0.weight")
    squeezed = sizes.size(f"{convolutions}.3.attention.1.weight")
    differences = math.isqrt(sizes.size("layers.#.residual_group.overlap_attn.relative_position_bias_table"))
    return seen | {
        "compress_ratio": sizes.divisor("compress_ratio", embed_dim, compressed),
        "squeeze_factor": sizes.divisor("squeeze_factor", embed_dim, squeezed),
        "overlap_ratio": sizes.factor("overlap_ratio", window, differences - 2 * window + 1),
    }


def _buffers(arguments: Arguments) -> dict[str, Tensor]:
    window = arguments["window_size"]
    wide = window + int(window * arguments["overlap_ratio"])
    # Key - query, counted below zero too.
    overlapping = torch.arange(wide) - torch.arange(window)[:, None] + window - wide + 1
    return {
        "relative_position_index_SA": position_index(window),
        "relative_position_index_OCA": pair_index(overlapping, window + wide - 1),
    }


LAYOUT = Layout("hat", HAT, "embed_dim", _read, buffers=_buffers)
