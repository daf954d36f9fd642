"""HiT-SRF. Its base window does not show, nor which of its windows are smaller: they are taken as released."""

import math

from igconv_sr.encoders import HiTSRF
from igconv_sr.weights.released.base import Arguments, Layout, Sizes
from igconv_sr.weights.released.windows import read_heads, read_trunk


def _read(sizes: Sizes) -> Arguments:
    trunk = read_trunk(sizes)
    released = sizes.published["hier_win_ratios"]
    ratios = []
    for index in range(max(trunk["depths"])):
        pixels = sizes.size(f"layers.#.residual_group.blocks.{index}.correlation.spatial_linear.weight", axis=1)
        usual = released[index] if index < len(released) else 1
        ratios.append(usual if max(int(usual), 1) ** 2 == pixels else math.isqrt(pixels))
    hidden = sizes.size("layers.#.residual_group.blocks.#.mlp.fc1.weight")
    return trunk | {
        "num_heads": read_heads(sizes, len(trunk["depths"]), "blocks.#.correlation.pos.pos3.2.weight", axis=0),
        "mlp_ratio": sizes.factor("mlp_ratio", trunk["embed_dim"], hidden),
        "hier_win_ratios": ratios,
    }


LAYOUT = Layout("hit_srf", HiTSRF, "embed_dim", _read, read_in_part=("hier_win_ratios",))
