"""Convolutions under channel attention, as HAT and MambaIR set them beside their blocks.

Legend: B batch, C channels, H and W height and width of the map.
"""

from torch import Tensor, nn

from igconv_sr.layers.windows import to_map, to_tokens


class ChannelAttention(nn.Module):
    """Scales each channel by a gate in (0,1) that depends on the means of all channels.

    Args:
        dim: Channels C.
        squeeze: Factor by which the gate's hidden layer squeezes C; at least one channel is left.
    """

    def __init__(self, dim: int, squeeze: int) -> None:
        super().__init__()
        squeezed = max(dim // squeeze, 1)
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(dim, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, dim, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        gate: Tensor = self.attention(x)
        return x * gate


class ChannelAttentionBlock(nn.Module):
    """Two 3×3 convolutions through a bottleneck, GELU between them, then channel attention (CAB).

    Args:
        dim: Channels C.
        compress: Factor by which the bottleneck compresses C; at least one channel is left.
        squeeze: See :class:`ChannelAttention`.
    """

    def __init__(self, dim: int, compress: int, squeeze: int) -> None:
        super().__init__()
        compressed = max(dim // compress, 1)
        self.cab = nn.Sequential(
            nn.Conv2d(dim, compressed, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(compressed, dim, 3, padding=1),
            ChannelAttention(dim, squeeze),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        return to_tokens(self.cab(to_map(x)))
