"""PLKSR."""

from igconv_sr.encoders import PLKSR
from igconv_sr.weights.released.base import Arguments, Layout, Sizes


def _read(sizes: Sizes) -> Arguments:
    dim = sizes.size("feats.0.weight", "feats.#.refine.weight")
    before, after = (sizes.size(f"feats.#.channe_mixer.{layer}.weight", axis=2) for layer in (0, 2))
    return {
        "dim": dim,
        "n_blocks": sizes.count("feats.#.lk."),
        "kernel_size": sizes.size("feats.#.lk.conv.weight", axis=2),
        "split_ratio": sizes.factor("split_ratio", dim, sizes.size("feats.#.lk.conv.weight")),
        "ccm_type": {(3, 1): "CCM", (1, 3): "ICCM"}.get((before, after), "DCCM"),
        "use_ea": any(".attn." in key for key in sizes.shapes),
    }


LAYOUT = Layout("plksr", PLKSR, "dim", _read, head="to_rgb")
