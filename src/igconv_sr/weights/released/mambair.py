"""MambaIR."""

from igconv_sr.encoders import MambaIR
from igconv_sr.weights.released.base import Arguments, Layout, Sizes
from igconv_sr.weights.released.windows import read_trunk


def _read(sizes: Sizes) -> Arguments:
    trunk = read_trunk(sizes)
    block = "layers.#.residual_group.blocks.#"
    inner = sizes.size(f"{block}.self_attention.out_proj.weight", axis=1)
    compressed = sizes.size(f"{block}.conv_blk.cab.0.weight")
    return trunk | {
        "d_state": sizes.size(f"{block}.self_attention.A_logs", axis=1),
        "mlp_ratio": sizes.factor("mlp_ratio", trunk["embed_dim"], inner),
        "compress_ratio": sizes.divisor("compress_ratio", trunk["embed_dim"], compressed),
    }


LAYOUT = Layout("mambair", MambaIR, "embed_dim", _read)
