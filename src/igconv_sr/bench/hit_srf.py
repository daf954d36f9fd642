"""A step of HiT-SRF against one that gathers the position bias for all pairs of pixels and then averages.

Legend: n pixels and k cells of a window, h heads, a and b rows and columns of cells, i and j of pixels in a cell.
"""

import copy
from collections.abc import Sequence
from functools import partial

import torch
from einops import reduce
from torch import Tensor, nn

from igconv_sr.encoders import HiTSRF
from igconv_sr.encoders.hit_srf import DynamicPositionBias, SpatialChannelCorrelation
from igconv_sr.measure.comparison import Comparison, with_gradients
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv


class AllPairsBias(nn.Module):
    """The position bias as the paper has it: of all n·n pairs, then the mean over the pixels of each cell.

    Args:
        bias: The network that computes the bias of a difference.
        window: Height and width of the windows.
    """

    differences: Tensor
    index: Tensor

    def __init__(self, bias: DynamicPositionBias, window: tuple[int, int]) -> None:
        super().__init__()
        self.bias = bias
        height, width = window
        axes = (torch.arange(1 - size, size) for size in window)
        self.register_buffer("differences", torch.cartesian_prod(*axes).float())
        y, x = torch.cartesian_prod(torch.arange(height), torch.arange(width)).unbind(1)
        rows, columns = y.unsqueeze(1) - y + height - 1, x.unsqueeze(1) - x + width - 1
        self.register_buffer("index", (rows * (2 * width - 1) + columns).flatten())

    def forward(self, window: tuple[int, int], cell: tuple[int, int]) -> Tensor:
        """Bias between each pixel of a window and each of its cells, (h,n,k)."""
        net = self.bias
        table = net.pos3(net.pos2(net.pos1(net.pos_proj(self.differences))))
        pairs = table[self.index].unflatten(0, (-1, window[0] * window[1]))
        sizes = {"a": window[0] // cell[0], "i": cell[0], "b": window[1] // cell[1], "j": cell[1]}
        mean: Tensor = reduce(pairs, "n (a i b j) h -> h n (a b)", "mean", **sizes)
        return mean


def step_against_all_pairs(side: int = 64, depths: Sequence[int] = (6, 6, 6, 6)) -> Comparison:
    """Forward and backward of the whole network at batch 1 and ×2."""
    encoder = HiTSRF(depths=depths, num_heads=[6] * len(depths))
    net = SRNet(encoder, partial(IGConv, fgrep=True, igsample=True), (2, 3, 4))
    plain = copy.deepcopy(net)
    for module in plain.modules():
        if isinstance(module, SpatialChannelCorrelation):
            module.pos = AllPairsBias(module.pos, module.window)  # type: ignore[assignment]
    lr = torch.rand(1, 3, side, side)

    def step(net: SRNet) -> Sequence[Tensor]:
        return with_gradients([net(lr, 2)], list(net.parameters()))

    name = f"HiT-SRF step / bias gathered for all pairs: 1×{side}²"
    return Comparison(name, partial(step, net), partial(step, plain), limit=1 / 5)
