"""The hyper-network that generates the kernel of an IGConv at any scale (IGConv paper, section 3).

Legend: P = C·k·k kernel positions (input channel, row, column), D hidden width, G independent groups,
O outputs per position and sub-pixel, r = p/q scale in lowest terms.
"""

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.scale import Ratio

_LATENT_STD = 0.02

_POINTS_AT_ONCE = 4096
"""On a processor: what goes through the layers at once then stays in the cache between them."""

_MOST_POINTS = 2**18
"""On a GPU: more than any usual kernel has. It bounds the memory that those of scales such as 64/63 take."""


def cell_offsets(scale: Ratio, device: torch.device) -> Tensor:
    """Offsets of the p phases of r = p/q, each inside its own cell, which spans [-1,1]: a column (p,1).

    See :mod:`igconv_sr.upsamplers.polyphase`. For whole scales they are the centres of r sub-pixels.
    """
    p, q = scale
    return ((2 * torch.arange(p, device=device) + 1) * q % (2 * p) / p - 1).unsqueeze(1)


class GroupedLinear(nn.Module):
    """A linear layer for each of G groups, initialised as ``nn.Linear``.

    Args:
        groups: G.
        in_features: Inputs of one group.
        out_features: Outputs of one group.
        bias: Whether to add a learned bias.
    """

    def __init__(self, groups: int, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(groups, out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(groups, out_features).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Maps (G,N,in_features) to (G,N,out_features)."""
        weight = self.weight.transpose(1, 2)
        if self.bias is None:
            return torch.bmm(x, weight)
        return torch.baddbmm(self.bias.unsqueeze(1), x, weight)


class HyperNetwork(nn.Module):
    """Maps sub-pixel coordinates to kernel weights, one latent triple per kernel position.

    Args:
        positions: P.
        out_channels: O, over all groups.
        hidden_dim: Hidden width of one group; D is this times ``groups``.
        num_layers: Hidden layers after the Fourier basis (L in the paper).
        max_scale: r_max; the cell size given to the network does not shrink beyond it.
        groups: G. The basis is dealt out to the groups like cards, as the released weights expect.
        out_bias: Whether the last layer has a bias.
    """

    def __init__(
        self,
        positions: int,
        out_channels: int,
        hidden_dim: int,
        num_layers: int,
        max_scale: float,
        groups: int = 1,
        out_bias: bool = True,
    ) -> None:
        super().__init__()
        width = hidden_dim * groups
        self.groups, self.max_scale = groups, max_scale
        self.frequency = nn.Parameter(_LATENT_STD * torch.randn(positions, width))
        self.amplitude = nn.Parameter(_LATENT_STD * torch.randn(positions, width))
        self.phase = nn.Linear(1, width // 2)
        self.mlp = nn.Sequential()
        for _ in range(num_layers):
            self.mlp.append(GroupedLinear(groups, hidden_dim, hidden_dim))
            self.mlp.append(nn.ReLU(inplace=True))
        self.mlp.append(GroupedLinear(groups, hidden_dim, out_channels // groups, bias=out_bias))

    def forward(self, scale: Ratio) -> Tensor:
        """Returns (G, P·p·p, O/G) for r = p/q: positions outermost, then sub-pixels row by row."""
        centres = math.pi * cell_offsets(scale, self.frequency.device)
        # The first half of the frequencies belongs to x, the second to y.
        zx, zy = self.frequency.unsqueeze(1).chunk(2, dim=-1)
        cell = self.frequency.new_tensor([2 / min(scale.p / scale.q, self.max_scale)])
        # Each axis for itself while the tensors are small: of what is left, every pass is over P·p·p points.
        down, across = centres * zy + math.pi * self.phase(cell), centres * zx
        # The basis is dealt out to the groups one by one; the amplitudes are stored group after group.
        amplitude = rearrange(self.amplitude, "n (g d) -> n 1 (d g)", g=self.groups)
        at_once = _POINTS_AT_ONCE if down.device.type == "cpu" else _MOST_POINTS
        positions = max(at_once // scale.p**2, 1)
        pieces = zip(*(x.split(positions) for x in (down, across, amplitude)), strict=True)
        return torch.cat([self._weights(*piece) for piece in pieces], dim=1)

    def _weights(self, down: Tensor, across: Tensor, amplitude: Tensor) -> Tensor:
        """Of n positions, from (n,p,G·D/2) twice and (n,1,G·D) to (G, n·p·p, O/G)."""
        angle = (down.unsqueeze(2) + across.unsqueeze(1)).flatten(1, 2)
        basis = torch.cat((torch.cos(angle), torch.sin(angle)), dim=-1)
        out: Tensor = self.mlp(rearrange(basis * amplitude, "n pp (d g) -> g (n pp) d", g=self.groups))
        return out
