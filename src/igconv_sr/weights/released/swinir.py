"""SwinIR. Its windows shrink to the training patch."""

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


LAYOUT = Layout("swinir", SwinIR, "embed_dim", _read, buffers=_buffers, training_patch=training_patch)
