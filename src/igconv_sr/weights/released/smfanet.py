"""SMFANet."""

from igconv_sr.encoders import SMFANet
from igconv_sr.weights.released.base import Arguments, Layout, Sizes


def _read(sizes: Sizes) -> Arguments:
    dim = sizes.size("to_feat.weight", "feats.#.smfa.linear_1.weight")
    return {
        "dim": dim,
        "n_blocks": sizes.count("feats.#.smfa."),
        "ffn_scale": sizes.factor("ffn_scale", dim, sizes.size("feats.#.pcfn.conv_0.weight")),
    }


LAYOUT = Layout("smfanet", SMFANet, "dim", _read, head="to_img")
