"""RCAN, released for scales up to 8."""

from statistics import mode

from igconv_sr.encoders import RCAN
from igconv_sr.weights.released.base import Arguments, Layout, Sizes


def _read(sizes: Sizes) -> Arguments:
    num_feat = sizes.size("head.0.weight", "body.#.body.#.body.0.weight")
    squeezed = sizes.size("body.#.body.#.body.3.conv_du.0.weight")
    return {
        "num_feat": num_feat,
        "num_groups": sizes.count("body.#.body."),
        "num_blocks": mode(sizes.counts("body.#.body.#.body.")),
        "reduction": sizes.divisor("reduction", num_feat, squeezed),
    }


LAYOUT = Layout("rcan", RCAN, "num_feat", _read, head="tail", scales=(2, 3, 4, 8))
