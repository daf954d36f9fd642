"""SRFormer, whose keys are of 2×2 pixels.

Legend: y and x rows and columns of the keys of a window, k keys, i and j rows and columns of the pixels of a key.
"""

from einops import repeat
from torch import Tensor

from igconv_sr.encoders import SRFormer
from igconv_sr.weights.released.base import Arguments, Layout, Sizes
from igconv_sr.weights.released.windows import buffers_of_blocks, position_index, read_windowed, training_patch


def _read(sizes: Sizes) -> Arguments:
    sizes.size("layers.#.residual_group.blocks.#.attn.kv.weight")  # which no other has
    seen = read_windowed(sizes)
    return seen | {"window_size": 2 * seen["window_size"]}


def _buffers(arguments: Arguments) -> dict[str, Tensor]:
    window = arguments["window_size"]
    keys = window // 2
    index = repeat(position_index(keys), "(y x) k -> (y i x j) k", y=keys, i=2, j=2)
    return buffers_of_blocks(arguments, "aligned_relative_position_index", index, window, key_step=2)


LAYOUT = Layout("srformer", SRFormer, "embed_dim", _read, buffers=_buffers, training_patch=training_patch)
