"""PLKSR: Partial Large Kernel CNNs for Efficient Super-Resolution (Lee, Yun and Ro, 2024).

Each block mixes channels by two small convolutions, lets the first quarter of the channels see far
through one large kernel, gates every element, and adds the result to its input.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from igconv_sr.encoders.base import Encoder
from igconv_sr.errors import InputError

_MIXER_KERNELS = {"CCM": (3, 1), "ICCM": (1, 3), "DCCM": (3, 3)}
"""Kernel sizes of the two convolutions of each channel mixer."""


def _init_small(conv: nn.Conv2d) -> nn.Conv2d:
    """Starts the weights from a truncated normal of standard deviation 0.02, as the paper's code does."""
    nn.init.trunc_normal_(conv.weight, std=0.02)
    return conv


class PartialLargeKernel(nn.Module):
    """One large convolution over the first channels; the rest passes through (PLK)."""

    def __init__(self, dim: int, kernel_size: int) -> None:
        super().__init__()
        self.dim = dim
        self.conv = _init_small(nn.Conv2d(dim, dim, kernel_size, padding=kernel_size // 2))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        first, rest = x[:, : self.dim], x[:, self.dim :]
        return torch.cat((self.conv(first), rest), dim=1)


class ElementAttention(nn.Module):
    """Gates every element by a 3×3 convolution and a sigmoid (EA)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.f = nn.Sequential(_init_small(nn.Conv2d(dim, dim, 3, padding=1)))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        return x * F.sigmoid(self.f(x))


class PartialLargeKernelBlock(nn.Module):
    """Channel mixer, large kernel, attention, 1×1 convolution, and a skip around them (PLK block)."""

    def __init__(self, dim: int, kernel_size: int, split_ratio: float, ccm_type: str, use_ea: bool) -> None:
        super().__init__()
        before, after = _MIXER_KERNELS[ccm_type]
        # The key name is the released weights'.
        self.channe_mixer = nn.Sequential(
            nn.Conv2d(dim, 2 * dim, before, padding=before // 2),
            nn.GELU(),
            _init_small(nn.Conv2d(2 * dim, dim, after, padding=after // 2)),
        )
        self.lk = PartialLargeKernel(int(dim * split_ratio), kernel_size)
        self.attn = ElementAttention(dim) if use_ea else nn.Identity()
        self.refine = _init_small(nn.Conv2d(dim, dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,C,H,W) to the same shape."""
        out: Tensor = self.refine(self.attn(self.lk(self.channe_mixer(x))))
        return x + out


class PLKSR(Encoder):
    """PLKSR without its upsampler. It shifts no mean and has no skip around all blocks.

    Args:
        dim: Feature channels C.
        n_blocks: Blocks (12 in PLKSR-tiny).
        kernel_size: Size of the large kernel, odd (13 in PLKSR-tiny).
        split_ratio: Part of the channels that the large kernel sees, in (0,1].
        ccm_type: Channel mixer: ``CCM`` (3×3, then 1×1), ``ICCM`` (1×1, then 3×3) or ``DCCM`` (3×3 twice).
        use_ea: Whether the blocks have element-wise attention.

    Raises:
        InputError: If an argument is outside what is named here.
    """

    def __init__(
        self,
        dim: int = 64,
        n_blocks: int = 28,
        kernel_size: int = 17,
        split_ratio: float = 0.25,
        ccm_type: str = "DCCM",
        use_ea: bool = True,
    ) -> None:
        super().__init__()
        if ccm_type not in _MIXER_KERNELS:
            raise InputError(f"model.ccm_type must be one of {', '.join(_MIXER_KERNELS)}, got {ccm_type!r}")
        if kernel_size % 2 == 0:
            raise InputError(f"model.kernel_size must be odd, got {kernel_size}")
        if not 1 <= int(dim * split_ratio) <= dim:
            raise InputError(f"model.split_ratio must leave the large kernel 1 to {dim} channels, got {split_ratio}")
        self.out_channels = dim
        blocks = (PartialLargeKernelBlock(dim, kernel_size, split_ratio, ccm_type, use_ea) for _ in range(n_blocks))
        self.feats = nn.Sequential(_init_small(nn.Conv2d(3, dim, 3, padding=1)), *blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W) to (B,C,H,W)."""
        features: Tensor = self.feats(x)
        return features
