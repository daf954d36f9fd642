"""ATD. The number of its categories does not show."""

from torch import Tensor

from igconv_sr.encoders import ATD
from igconv_sr.weights.released.base import Arguments, Layout, Sizes
from igconv_sr.weights.released.windows import position_index, read_windowed


def _read(sizes: Sizes) -> Arguments:
    block = "layers.#.residual_group.layers.#"
    return read_windowed(sizes, blocks="layers", attention="attn_win", mlp="convffn") | {
        "num_tokens": sizes.size("layers.#.residual_group.td", f"{block}.attn_atd.scale"),
        "reducted_dim": sizes.size(f"{block}.attn_atd.wq.weight"),
        "convffn_kernel_size": sizes.size(f"{block}.convffn.dwconv.depthwise_conv.0.weight", axis=2),
    }


def _buffers(arguments: Arguments) -> dict[str, Tensor]:
    return {"relative_position_index_SA": position_index(arguments["window_size"])}


LAYOUT = Layout("atd", ATD, "embed_dim", _read, buffers=_buffers)
