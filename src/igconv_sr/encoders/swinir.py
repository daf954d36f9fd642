"""SwinIR: Image Restoration Using Swin Transformer (Liang et al., ICCVW 2021).

Attention within windows; every second block shifts the windows by half their side, so that neighbours meet.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image.
"""

from collections.abc import Sequence

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.errors import InputError
from igconv_sr.layers.attention import WindowSelfAttention
from igconv_sr.layers.drop_path import growing_rates
from igconv_sr.layers.feed_forward import FeedForward
from igconv_sr.layers.shifted_windows import ShiftedBlock, ShiftedTrunk
from igconv_sr.layers.trunk import Blocks, check_stages


class SwinIR(ShiftedTrunk, Encoder):
    """SwinIR without its upsampler.

    Args:
        embed_dim: Feature channels C.
        depths: Blocks of each group.
        num_heads: Attention heads of each group.
        window_size: Side of a window.
        mlp_ratio: Width of the feed-forward networks relative to C.
        drop_path_rate: Drop-path of the last block; grows from 0 linearly with depth.
        img_size: LR patch of the training. A window at least as large means windows of this side, and no shift.
        checkpointing: Compute every block anew in the backward pass: less memory, a third more time.

    Raises:
        InputError: If the heads do not fit, or the window is larger than the patch and not a multiple of it.
    """

    rgb_mean = DIV2K_MEAN

    def __init__(
        self,
        embed_dim: int = 180,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        num_heads: Sequence[int] = (6, 6, 6, 6, 6, 6),
        window_size: int = 8,
        mlp_ratio: float = 2,
        drop_path_rate: float = 0.1,
        img_size: int = 64,
        checkpointing: bool = False,
    ) -> None:
        check_stages(embed_dim, depths, num_heads)
        window = min(window_size, img_size)
        if window_size % window:
            raise InputError(f"window_size {window_size} must be at most img_size {img_size}, or a multiple of it")
        shift = 0 if window_size >= img_size else window // 2
        groups = [
            Blocks(
                [
                    ShiftedBlock(
                        embed_dim,
                        WindowSelfAttention(embed_dim, window, heads),
                        FeedForward(embed_dim, int(embed_dim * mlp_ratio)),
                        shift=shift * (index % 2),
                        drop_path=rate,
                    )
                    for index, rate in enumerate(rates)
                ],
                checkpointing,
            )
            for heads, rates in zip(num_heads, growing_rates(drop_path_rate, depths), strict=True)
        ]
        super().__init__(embed_dim, groups, window, shift)
        self.out_channels, self.size_multiple = embed_dim, window_size
