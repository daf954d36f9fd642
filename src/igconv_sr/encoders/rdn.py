"""RDN: Residual Dense Network for Image Super-Resolution (Zhang et al., CVPR 2018).

In a block every convolution sees the outputs of all before it; a 1×1 convolution fuses them, another
one fuses the outputs of all blocks.

Legend: B batch, C feature channels, G growth, H and W height and width of the low-resolution image.
"""

import torch
from torch import Tensor, nn

from igconv_sr.encoders.base import Encoder


class DenseLayer(nn.Module):
    """A 3×3 convolution with ReLU whose G outputs are appended to its input."""

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(in_channels, growth, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,in_channels,H,W) to (B,in_channels+G,H,W)."""
        return torch.cat((x, self.conv(x)), dim=1)


class ResidualDenseBlock(nn.Module):
    """Dense layers, local feature fusion, and a skip (RDB)."""

    def __init__(self, num_feat: int, num_convs: int, growth: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(DenseLayer(num_feat + i * growth, growth) for i in range(num_convs)))
        self.LFF = nn.Conv2d(num_feat + num_convs * growth, num_feat, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        out: Tensor = self.LFF(self.convs(x))
        return x + out


class RDN(Encoder):
    """RDN without its upsampler; the defaults are the paper's configuration B. It shifts no mean.

    Args:
        num_feat: Feature channels C.
        num_blocks: Residual dense blocks (20 in configuration A).
        num_convs: Dense layers of a block (6).
        growth: Channels G that each of them adds (32).
    """

    def __init__(self, num_feat: int = 64, num_blocks: int = 16, num_convs: int = 8, growth: int = 64) -> None:
        super().__init__()
        self.out_channels = num_feat
        self.SFENet1 = nn.Conv2d(3, num_feat, 3, padding=1)
        self.SFENet2 = nn.Conv2d(num_feat, num_feat, 3, padding=1)
        self.RDBs = nn.ModuleList(ResidualDenseBlock(num_feat, num_convs, growth) for _ in range(num_blocks))
        self.GFF = nn.Sequential(
            nn.Conv2d(num_blocks * num_feat, num_feat, 1),
            nn.Conv2d(num_feat, num_feat, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W) to (B,C,H,W)."""
        shallow: Tensor = self.SFENet1(x)
        x = self.SFENet2(shallow)
        outputs = []
        for block in self.RDBs:
            x = block(x)
            outputs.append(x)
        deep: Tensor = self.GFF(torch.cat(outputs, dim=1))
        return deep + shallow
