"""HAT: Activating More Pixels in Image Super-Resolution Transformer (Chen et al., CVPR 2023).

SwinIR's blocks with a convolution under channel attention beside the window attention, and at the end of
each group attention from windows to larger, overlapping ones.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image, Y and X rows and columns
of windows, y and x rows and columns of a window, v and u of an overlapping one, h heads, d channels of a head.
"""

from collections.abc import Iterable, Sequence

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.errors import InputError
from igconv_sr.layers.attention import WindowSelfAttention, attend_windows, merge_windows, position_table
from igconv_sr.layers.channel_attention import ChannelAttentionBlock
from igconv_sr.layers.drop_path import growing_rates
from igconv_sr.layers.feed_forward import FeedForward
from igconv_sr.layers.position import relative_position_bias
from igconv_sr.layers.shifted_windows import ShiftedBlock, ShiftedTrunk
from igconv_sr.layers.trunk import Blocks, check_stages, run_block


class HybridAttentionBlock(ShiftedBlock):
    """Window attention beside convolutions under channel attention, then a feed-forward network (HAB).

    Args:
        dim: Channels C.
        attn: Window attention.
        conv_block: The convolutions; maps (B,H,W,C) to the same shape.
        conv_scale: Factor of their output.
        mlp: Feed-forward network.
        shift: Shift of the windows in pixels; 0 for none.
        drop_path: Probability of leaving out a branch, but for the convolutions, during training.
    """

    def __init__(
        self,
        dim: int,
        attn: nn.Module,
        conv_block: nn.Module,
        conv_scale: float,
        mlp: nn.Module,
        shift: int,
        drop_path: float,
    ) -> None:
        super().__init__(dim, attn, mlp, shift, drop_path)
        self.conv_block, self.conv_scale = conv_block, conv_scale

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        normed = self.norm1(x)
        x = x + self.drop_path(self.attend(normed, mask)) + self.conv_scale * self.conv_block(normed)
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class OverlappingCrossAttentionBlock(nn.Module):
    """Attention from each window to a larger one around it, then a feed-forward network (OCAB).

    Args:
        dim: Channels C.
        heads: Attention heads.
        window: Side of a window.
        overlap_ratio: By how much the side of the larger window exceeds the window's, relative to it.
        mlp_ratio: Width of the feed-forward network relative to C.
    """

    def __init__(self, dim: int, heads: int, window: int, overlap_ratio: float, mlp_ratio: float) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.wide = window + int(window * overlap_ratio)
        if (self.wide - window) % 2:
            raise InputError(
                f"overlap_ratio {overlap_ratio} widens a window of {window} by {self.wide - window} pixels: "
                "choose it so that the number is even"
            )
        self.differences = window + self.wide - 1
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.relative_position_bias_table = position_table(self.differences, heads)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = FeedForward(dim, int(dim * mlp_ratio))

    def position_bias(self) -> Tensor:
        """Position bias (h, window², wide²).

        The released code counts key - query and starts counting at a place from which its indices run below zero and
        wrap around. Turned and rolled, its table is what ours would be, and its weights fit.
        """
        rolled = self.relative_position_bias_table.flip(0).roll(self.window * (self.differences + 1) + 1, 0)
        table = rolled.view(self.differences, self.differences, -1)
        return relative_position_bias(table, (self.window, self.window))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        q, kv = self.qkv(self.norm1(x)).tensor_split((x.shape[-1],), dim=-1)
        q = rearrange(q, "B (Y y) (X x) (h d) -> B Y X h (y x) d", h=self.heads, y=self.window, x=self.window)
        margin = (self.wide - self.window) // 2
        kv = F.pad(kv, (0, 0, margin, margin, margin, margin))
        kv = kv.unfold(1, self.wide, self.window).unfold(2, self.wide, self.window)
        k, v = rearrange(kv, "B Y X (s h d) v u -> s B Y X h (v u) d", s=2, h=self.heads)
        attended = attend_windows(q, k, v, self.position_bias(), None)
        x = x + self.proj(merge_windows(attended, self.window))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class HybridBlocks(Blocks):
    """The blocks of a group, the overlapping attention last."""

    def __init__(self, blocks: Iterable[nn.Module], overlap_attn: nn.Module, checkpointing: bool) -> None:
        super().__init__(blocks, checkpointing)
        self.overlap_attn = overlap_attn

    def forward(self, x: Tensor, *context: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        out: Tensor = run_block(self.overlap_attn, super().forward(x, *context), checkpointing=self.checkpointing)
        return out


class HAT(ShiftedTrunk, Encoder):
    """HAT without its upsampler.

    Args:
        embed_dim: Feature channels C.
        window_size: Side of a window.
        compress_ratio: Factor by which the convolutions beside the attention compress C.
        squeeze_factor: Factor by which their channel attention squeezes C.
        conv_scale: Factor of their output.
        overlap_ratio: By how much the overlapping windows are larger, relative to a window.
        depths: Blocks of each group.
        num_heads: Attention heads of each group.
        mlp_ratio: Width of the feed-forward networks relative to C.
        drop_path_rate: Drop-path of the last block; grows from 0 linearly with depth.
        img_size: LR patch of the training. A window at least as large means no shift.
        checkpointing: Compute every block anew in the backward pass: less memory, a third more time.

    Raises:
        InputError: If the heads do not fit, or a window overlaps its neighbours unevenly.
    """

    rgb_mean = DIV2K_MEAN

    def __init__(
        self,
        embed_dim: int = 180,
        window_size: int = 16,
        compress_ratio: int = 3,
        squeeze_factor: int = 30,
        conv_scale: float = 0.01,
        overlap_ratio: float = 0.5,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        num_heads: Sequence[int] = (6, 6, 6, 6, 6, 6),
        mlp_ratio: float = 2,
        drop_path_rate: float = 0.1,
        img_size: int = 64,
        checkpointing: bool = False,
    ) -> None:
        check_stages(embed_dim, depths, num_heads)
        shift = 0 if window_size >= img_size else window_size // 2
        groups = [
            HybridBlocks(
                [
                    HybridAttentionBlock(
                        embed_dim,
                        WindowSelfAttention(embed_dim, window_size, heads),
                        ChannelAttentionBlock(embed_dim, compress_ratio, squeeze_factor),
                        conv_scale,
                        FeedForward(embed_dim, int(embed_dim * mlp_ratio)),
                        shift=shift * (index % 2),
                        drop_path=rate,
                    )
                    for index, rate in enumerate(rates)
                ],
                OverlappingCrossAttentionBlock(embed_dim, heads, window_size, overlap_ratio, mlp_ratio),
                checkpointing,
            )
            for heads, rates in zip(num_heads, growing_rates(drop_path_rate, depths), strict=True)
        ]
        super().__init__(embed_dim, groups, window_size, shift)
        self.out_channels, self.size_multiple = embed_dim, window_size
