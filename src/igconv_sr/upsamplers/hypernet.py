"""The hyper-network that generates the kernel of an IGConv at any scale (IGConv paper, section 3).

Legend: P = C·k·k kernel positions (input channel, row, column), D hidden width, G independent groups,
O outputs per position and sub-pixel, r = p/q scale in lowest terms, S sub-pixels of all scales asked for.
"""

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.scale import Ratio

_LATENT_STD = 0.02

_POINTS_AT_ONCE = 8192
"""Positions that a processor takes through the layers at once, so that they stay in the cache between them."""

_MOST_POINTS = 2**18
"""The same for a GPU: more than any usual kernel has; it bounds the memory that scales such as 64/63 take."""


def sub_pixels(scale: Ratio, both_sides: bool = False) -> Tensor:
    """What a hyper-network is asked for at the scale r = p/q: p×p sub-pixels, row by row.

    Args:
        scale: r = p/q.
        both_sides: Whether a line between two cells is asked for twice, from the first at 1 and the second at -1, so
            that there are (p+1)×(p+1) sub-pixels. It makes no difference for odd q.

    Returns:
        (S,3): the offsets down and across, each inside its own cell, which spans [-1,1], and the scale. See
        :mod:`igconv_sr.upsamplers.polyphase`. The offsets of whole scales are the centres of r sub-pixels.

    Example:
        >>> sub_pixels(Ratio(2, 1)).tolist()
        [[-0.5, -0.5, 2.0], [-0.5, 0.5, 2.0], [0.5, -0.5, 2.0], [0.5, 0.5, 2.0]]
    """
    p, q = scale
    offsets = [(2 * phase + 1) * q % (2 * p) / p - 1 for phase in range(p)]
    if both_sides and -1.0 in offsets:
        offsets.insert(offsets.index(-1.0), 1.0)
    return torch.tensor([(down, across, p / q) for down in offsets for across in offsets])


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

    def forward(self, points: Tensor) -> Tensor:
        """Generates the weights of all sub-pixels asked for, whatever their scales.

        Args:
            points: (S,3), see :func:`sub_pixels`.

        Returns:
            (G, P·S, O/G), positions outermost.
        """
        down, across, scale = points.unsqueeze(-1).unbind(1)
        cell = 2 / scale.clamp(max=self.max_scale)
        # Not by the layer itself: under autocast its product would be rounded to half precision.
        phase = math.pi * torch.addcmul(self.phase.bias, cell, self.phase.weight.mT)
        down, across = math.pi * down, math.pi * across
        # The basis is dealt out to the groups one by one; the amplitudes are stored group after group.
        amplitude = rearrange(self.amplitude, "n (g d) -> n 1 (d g)", g=self.groups)
        at_once = _POINTS_AT_ONCE if points.device.type == "cpu" else _MOST_POINTS
        positions = max(at_once // len(points), 1)
        pieces = zip(
            torch.split(self.frequency.unsqueeze(1), positions), torch.split(amplitude, positions), strict=True
        )
        return torch.cat([self._weights(*piece, down, across, phase) for piece in pieces], dim=1)

    def _weights(self, frequency: Tensor, amplitude: Tensor, down: Tensor, across: Tensor, phase: Tensor) -> Tensor:
        """Computes the rows of n positions, from (n,1,G·D) twice, (S,1) twice and (S,G·D/2) to (G, n·S, O/G)."""
        # The first half of the frequencies belongs to x, the second to y.
        zx, zy = frequency.chunk(2, dim=-1)
        angle = torch.addcmul(torch.addcmul(phase, down, zy), across, zx)
        basis = torch.cat((torch.cos(angle), torch.sin(angle)), dim=-1)
        out: Tensor = self.mlp(rearrange(basis * amplitude, "n s (d g) -> g (n s) d", g=self.groups))
        return out
