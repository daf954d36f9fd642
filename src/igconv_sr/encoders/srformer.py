"""SRFormer: Permuted Self-Attention for Single Image Super-Resolution (Zhou et al., ICCV 2023).

Windows far larger than SwinIR's at the same cost: keys and values have a quarter of the channels, and each
2×2 pixels together are one key. A depth-wise convolution in the feed-forward network restores the detail.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image, Y and X rows and columns
of windows, y and x rows and columns of 2×2 pixels in a window, i and j pixels of those, h heads, d channels of a head.
"""

from collections.abc import Sequence

from einops import rearrange, repeat
from torch import Tensor, nn

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.errors import InputError
from igconv_sr.layers.attention import attend_windows, merge_windows, position_table
from igconv_sr.layers.drop_path import growing_rates
from igconv_sr.layers.feed_forward import ConvFeedForward
from igconv_sr.layers.position import relative_position_bias
from igconv_sr.layers.shifted_windows import ShiftedBlock, ShiftedTrunk
from igconv_sr.layers.trunk import Blocks, check_stages

_KEY_STEP = 2


class PermutedSelfAttention(nn.Module):
    """Window attention with one key per 2×2 pixels (PSA)."""

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.keys = window // _KEY_STEP
        self.relative_position_bias_table = position_table(2 * self.keys - 1, heads)
        self.kv = nn.Linear(dim, 2 * (dim // _KEY_STEP**2))
        self.q = nn.Linear(dim, dim)
        self.proj = nn.Linear(dim, dim)

    def position_bias(self) -> Tensor:
        """Position bias (h, window², keys²); the pixels of one key share it."""
        side = 2 * self.keys - 1
        table = self.relative_position_bias_table.view(side, side, -1)
        bias = relative_position_bias(table, (self.keys, self.keys))
        return repeat(bias, "h (y x) k -> h (y i x j) k", y=self.keys, i=_KEY_STEP, j=_KEY_STEP)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape; H and W are multiples of the window."""
        side, keys = self.window, self.keys
        q = rearrange(self.q(x), "B (Y y) (X x) (h d) -> B Y X h (y x) d", h=self.heads, y=side, x=side)
        kv = rearrange(
            self.kv(x),
            "B (Y y i) (X x j) (s c) -> s B Y X (y x) (i j c)",
            s=2,
            y=keys,
            x=keys,
            i=_KEY_STEP,
            j=_KEY_STEP,
        )
        k, v = rearrange(kv, "s B Y X n (h d) -> s B Y X h n d", h=self.heads)
        attended = attend_windows(q, k, v, self.position_bias(), mask)
        out: Tensor = self.proj(merge_windows(attended, side))
        return out


class SRFormer(ShiftedTrunk, Encoder):
    """SRFormer without its upsampler.

    Args:
        embed_dim: Feature channels C, a multiple of 4.
        depths: Blocks of each group.
        num_heads: Attention heads of each group.
        window_size: Side of a window, an even number.
        mlp_ratio: Width of the feed-forward networks relative to C.
        drop_path_rate: Drop-path of the last block; grows from 0 linearly with depth.
        img_size: LR patch of the training. A window at least as large means no shift.
        checkpointing: Compute every block anew in the backward pass: less memory, a third more time.

    Raises:
        InputError: If the heads do not fit, the window is odd or C not a multiple of 4.
    """

    rgb_mean = DIV2K_MEAN

    def __init__(
        self,
        embed_dim: int = 180,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        num_heads: Sequence[int] = (6, 6, 6, 6, 6, 6),
        window_size: int = 22,
        mlp_ratio: float = 2,
        drop_path_rate: float = 0.1,
        img_size: int = 64,
        checkpointing: bool = False,
    ) -> None:
        check_stages(embed_dim, depths, num_heads)
        if window_size % _KEY_STEP:
            raise InputError(f"window_size {window_size} must be even")
        if embed_dim % _KEY_STEP**2:
            raise InputError(f"embed_dim {embed_dim} must be a multiple of {_KEY_STEP**2}")
        shift = 0 if window_size >= img_size else window_size // 2
        groups = [
            Blocks(
                [
                    ShiftedBlock(
                        embed_dim,
                        PermutedSelfAttention(embed_dim, heads, window_size),
                        ConvFeedForward(embed_dim, int(embed_dim * mlp_ratio)),
                        shift=shift * (index % 2),
                        drop_path=rate,
                    )
                    for index, rate in enumerate(rates)
                ],
                checkpointing,
            )
            for heads, rates in zip(num_heads, growing_rates(drop_path_rate, depths), strict=True)
        ]
        super().__init__(embed_dim, groups, window_size, shift, key_step=_KEY_STEP)
        self.out_channels, self.size_multiple = embed_dim, window_size
