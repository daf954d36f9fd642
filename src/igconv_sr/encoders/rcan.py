"""RCAN: Image Super-Resolution Using Very Deep Residual Channel Attention Networks (Zhang et al., ECCV 2018).

Groups of residual blocks, skips at every level, and in each block a gate per channel that is computed
from the channel means of the whole image.

The released models do not only shift the mean: their two shifts are 1×1 convolutions that were trained with the
rest, 24 parameters. ``sub_mean`` is the encoder's first layer; ``add_mean`` belongs behind the upsampler's convolution,
before IGSample's image is added, where SRNet applies it.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder


class MeanShift(nn.Conv2d):
    """A learned map of the colours that starts as the shift by the mean of DIV2K, away from it or back to it."""

    def __init__(self, sign: int) -> None:
        super().__init__(3, 3, 1)
        with torch.no_grad():
            self.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            self.bias = nn.Parameter(sign * torch.tensor(DIV2K_MEAN))


class ChannelAttention(nn.Module):
    """Scales each channel by a gate in (0,1) that depends on the means of all channels (CA)."""

    def __init__(self, num_feat: int, reduction: int) -> None:
        super().__init__()
        squeezed = max(num_feat // reduction, 1)
        self.conv_du = nn.Sequential(nn.Conv2d(num_feat, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, num_feat, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        return x * F.sigmoid(self.conv_du(x.mean(dim=(-2, -1), keepdim=True)))


class ResidualAttentionBlock(nn.Module):
    """Two 3×3 convolutions with a ReLU between them, channel attention, and a skip (RCAB)."""

    def __init__(self, num_feat: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(num_feat, num_feat, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(num_feat, num_feat, 3, padding=1),
            ChannelAttention(num_feat, reduction),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        out: Tensor = self.body(x)
        return x + out


class ResidualGroup(nn.Module):
    """Blocks, a 3×3 convolution, and a skip around them (RG)."""

    def __init__(self, num_feat: int, num_blocks: int, reduction: int) -> None:
        super().__init__()
        blocks = (ResidualAttentionBlock(num_feat, reduction) for _ in range(num_blocks))
        self.body = nn.Sequential(*blocks, nn.Conv2d(num_feat, num_feat, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        out: Tensor = self.body(x)
        return x + out


class RCAN(Encoder):
    """RCAN without its upsampler. It shifts the mean itself, so ``rgb_mean`` is None.

    Args:
        num_feat: Feature channels C.
        num_groups: Residual groups.
        num_blocks: Blocks of a group.
        reduction: Factor by which the channel attention squeezes C.
    """

    def __init__(self, num_feat: int = 64, num_groups: int = 10, num_blocks: int = 20, reduction: int = 16) -> None:
        super().__init__()
        self.out_channels = num_feat
        self.sub_mean, self.add_mean = MeanShift(-1), MeanShift(1)
        self.head = nn.Sequential(nn.Conv2d(3, num_feat, 3, padding=1))
        groups = (ResidualGroup(num_feat, num_blocks, reduction) for _ in range(num_groups))
        self.body = nn.Sequential(*groups, nn.Conv2d(num_feat, num_feat, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W) to (B,C,H,W)."""
        shallow: Tensor = self.head(self.sub_mean(x))
        deep: Tensor = self.body(shallow)
        return deep + shallow
