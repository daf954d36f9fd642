"""EDSR: Enhanced Deep Residual Networks for Single Image Super-Resolution (Lim et al., CVPRW 2017).

Residual blocks of two convolutions without batch normalisation, scaled down before the addition so
that wide models train; one long skip around all of them.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a ReLU between them, scaled and added to the input."""

    def __init__(self, num_feat: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = nn.Conv2d(num_feat, num_feat, 3, padding=1)
        self.conv2 = nn.Conv2d(num_feat, num_feat, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        return torch.add(x, self.conv2(F.relu(self.conv1(x))), alpha=self.res_scale)


class EDSR(Encoder):
    """EDSR without its upsampler.

    Args:
        num_feat: Feature channels C (256 in the paper, 64 in its baseline).
        num_block: Residual blocks (32; 16 in the baseline).
        res_scale: Factor of every residual branch (0.1; 1 in the baseline).
    """

    rgb_mean = DIV2K_MEAN

    def __init__(self, num_feat: int = 256, num_block: int = 32, res_scale: float = 0.1) -> None:
        super().__init__()
        self.out_channels = num_feat
        self.conv_first = nn.Conv2d(3, num_feat, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(num_feat, res_scale) for _ in range(num_block)))
        self.conv_after_body = nn.Conv2d(num_feat, num_feat, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W) to (B,C,H,W)."""
        shallow: Tensor = self.conv_first(x)
        deep: Tensor = self.conv_after_body(self.body(shallow))
        return deep + shallow
