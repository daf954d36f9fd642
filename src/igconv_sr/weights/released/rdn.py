"""RDN. Whatever ``fgrep`` in its ``meta`` says, the outputs of its IGConv reference are those with FGRep."""

from statistics import mode

from igconv_sr.encoders import RDN
from igconv_sr.weights.released.base import Arguments, Layout, Sizes


def _read(sizes: Sizes) -> Arguments:
    return {
        "num_feat": sizes.size("SFENet1.weight", "SFENet2.weight", "RDBs.#.LFF.weight"),
        "num_blocks": sizes.count("RDBs.#."),
        "num_convs": mode(sizes.counts("RDBs.#.convs.#.")),
        "growth": sizes.size("RDBs.#.convs.#.conv.0.weight"),
    }


LAYOUT = Layout("rdn", RDN, "num_feat", _read, head="UPNet", always_fgrep=True)
