"""SMFANet: A Lightweight Self-Modulation Feature Aggregation Network (Zheng et al., ECCV 2024).

Each block gates a channel half by a coarse, pooled summary of itself (non-local) and passes the other
through a small convolutional MLP (local), then mixes with a partial-convolution feed-forward network.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from igconv_sr.encoders.base import Encoder

_POOLING = 8


class LocalDetail(nn.Module):
    """Local branch: depth-wise and point-wise convolution, GELU, point-wise convolution (DMlp)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = 2 * dim
        self.conv_0 = nn.Sequential(nn.Conv2d(dim, hidden, 3, padding=1, groups=dim), nn.Conv2d(hidden, hidden, 1))
        self.conv_1 = nn.Conv2d(hidden, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        out: Tensor = self.conv_1(F.gelu(self.conv_0(x)))
        return out


def _coarse(x: Tensor) -> Tensor:
    """Maxima over 8×8 cells: (B,C,H,W) to (B,C,H//8,W//8)."""
    height, width = x.shape[-2:]
    if height % _POOLING == 0 and width % _POOLING == 0:
        return F.max_pool2d(x, _POOLING)  # the same, but a traced program of it serves all such sizes
    # At least one cell, so that images under 8 pixels work.
    return F.adaptive_max_pool2d(x, (max(height // _POOLING, 1), max(width // _POOLING, 1)))


class SelfModulation(nn.Module):
    """Self-modulation feature aggregation (SMFA)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear_0 = nn.Conv2d(dim, 2 * dim, 1)
        self.linear_1 = nn.Conv2d(dim, dim, 1)
        self.linear_2 = nn.Conv2d(dim, dim, 1)
        self.lde = LocalDetail(dim)
        self.dw_conv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.alpha = nn.Parameter(torch.ones(1, dim, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, dim, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        height, width = features.shape[-2:]
        y, x = self.linear_0(features).chunk(2, dim=1)
        pooled = self.dw_conv(_coarse(x))
        # One pixel has no variance.
        variance = x.var(dim=(-2, -1), keepdim=True, correction=min(1, height * width - 1))
        gate = F.gelu(self.linear_1(pooled * self.alpha + variance * self.belt))
        x = x * F.interpolate(gate, size=(height, width), mode="nearest")
        out: Tensor = self.linear_2(x + self.lde(y))
        return out


class PartialConvFeedForward(nn.Module):
    """Feed-forward network whose 3×3 convolution sees the first quarter of the channels (PCFN)."""

    def __init__(self, dim: int, ffn_scale: float) -> None:
        super().__init__()
        hidden = int(dim * ffn_scale)
        partial = hidden // 4
        self.split = [partial, hidden - partial]
        self.conv_0 = nn.Conv2d(dim, hidden, 1)
        self.conv_1 = nn.Conv2d(partial, partial, 3, padding=1)
        self.conv_2 = nn.Conv2d(hidden, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        first, rest = torch.split(F.gelu(self.conv_0(x)), self.split, dim=1)
        out: Tensor = self.conv_2(torch.cat((F.gelu(self.conv_1(first)), rest), dim=1))
        return out


class FeatureModulationBlock(nn.Module):
    """SMFA and PCFN, each on features of unit length over the channels, each with a skip (FMB)."""

    def __init__(self, dim: int, ffn_scale: float) -> None:
        super().__init__()
        self.smfa = SelfModulation(dim)
        self.pcfn = PartialConvFeedForward(dim, ffn_scale)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        x = x + self.smfa(F.normalize(x, dim=1))
        out: Tensor = x + self.pcfn(F.normalize(x, dim=1))
        return out


class SMFANet(Encoder):
    """SMFANet without its upsampler.

    Args:
        dim: Feature channels C (48 in SMFANet+, 36 in SMFANet).
        n_blocks: Blocks (12; 8).
        ffn_scale: Width of the feed-forward network relative to C.
    """

    prefers_channels_last = False  # cuDNN then takes its depth-wise convolutions channel by channel

    def __init__(self, dim: int = 48, n_blocks: int = 12, ffn_scale: float = 2) -> None:
        super().__init__()
        self.out_channels, self.traced_multiple = dim, _POOLING
        self.to_feat = nn.Conv2d(3, dim, 3, padding=1)
        self.feats = nn.Sequential(*(FeatureModulationBlock(dim, ffn_scale) for _ in range(n_blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W) to (B,C,H,W)."""
        shallow: Tensor = self.to_feat(x)
        deep: Tensor = self.feats(shallow)
        return deep + shallow
