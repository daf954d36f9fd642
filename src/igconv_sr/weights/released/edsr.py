"""EDSR. The scale of its residuals does not show."""

from igconv_sr.encoders import EDSR
from igconv_sr.weights.released.base import Arguments, Layout, Sizes


def _read(sizes: Sizes) -> Arguments:
    return {
        "num_feat": sizes.size("conv_first.weight", "body.#.conv1.weight"),
        "num_block": sizes.count("body.#.conv"),
    }


LAYOUT = Layout("edsr", EDSR, "num_feat", _read)
