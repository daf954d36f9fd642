"""HiT-SRF: Hierarchical Transformer for Efficient Image Super-Resolution, after SRFormer (Zhang et al., ECCV 2024).

The windows grow from block to block. Instead of attention, whose cost grows with the square of a window, each block
correlates its pixels with a few cells of the window and its channels with each other; no softmax stands between
the products, so they are taken in the cheaper order.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image, Y and X rows and columns
of windows, y and x rows and columns of pixels in a window, a and b rows and columns of cells in a window, i and j rows
and columns of pixels in a cell, n pixels and k cells of a window, h heads, d channels of a head.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.errors import InputError
from igconv_sr.functional.padding import mirror_indices
from igconv_sr.layers.feed_forward import ConvFeedForward
from igconv_sr.layers.position import relative_position_bias
from igconv_sr.layers.tables import cached_table
from igconv_sr.layers.trunk import Blocks, Trunk, check_stages
from igconv_sr.layers.windows import to_map, to_tokens

_padding_indices = cached_table(mirror_indices)


class DualFeatureExtraction(nn.Module):
    """The product of a convolutional bottleneck and a linear layer, both with C channels (DFE)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        squeezed = dim // 5
        self.conv = nn.Sequential(
            nn.Conv2d(dim, squeezed, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(squeezed, squeezed, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(squeezed, dim, 1),
        )
        self.linear = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        features = to_map(x)
        return to_tokens(self.conv(features) * self.linear(features))


class DynamicPositionBias(nn.Module):
    """Position bias computed from the position difference by a small network.

    Args:
        dim: Channels of the network.
        heads: h.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.pos_proj = nn.Linear(2, dim)
        self.pos1 = _norm_relu_linear(dim, dim)
        self.pos2 = _norm_relu_linear(dim, dim)
        self.pos3 = _norm_relu_linear(dim, heads)

    def forward(self, window: tuple[int, int], cell: tuple[int, int]) -> Tensor:
        """Bias between each pixel of a window and each of its cells, (h,n,k).

        It is the mean over the pixels of the cell. All pairs of pixel and cell with the same difference share it:
        so a box average of the table of differences first, then one value per pair.
        """
        weight = self.pos_proj.weight
        differences = _differences(*window, weight.device).to(weight.dtype)
        table = self.pos3(self.pos2(self.pos1(self.pos_proj(differences))))
        table = table.to(torch.promote_types(table.dtype, torch.float32))
        table = F.avg_pool2d(table.permute(2, 0, 1), cell, stride=1).permute(1, 2, 0)
        return relative_position_bias(table, window, cell)


def _norm_relu_linear(dim: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(dim), nn.ReLU(), nn.Linear(dim, out))


@cached_table
def _differences(height: int, width: int, device: torch.device) -> Tensor:
    """Differences (y,x) of two positions in a window, in pixels: (2·height-1, 2·width-1, 2)."""
    axes = (torch.arange(1.0 - size, size, device=device) for size in (height, width))
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


class SpatialChannelCorrelation(nn.Module):
    """Correlation of pixels with cells, and of channels with channels, within windows (SCC).

    Args:
        dim: C.
        heads: Heads of the spatial correlation.
        window: Height and width of a window.
        base: Cells along its height and width, if the window has as many pixels.
    """

    def __init__(self, dim: int, heads: int, window: tuple[int, int], base: tuple[int, int]) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.cells = (min(window[0], base[0]), min(window[1], base[1]))
        self.cell = (window[0] // self.cells[0], window[1] // self.cells[1])
        self.qv = DualFeatureExtraction(dim)
        self.proj = nn.Linear(dim, dim)
        self.spatial_linear = nn.Linear(self.cell[0] * self.cell[1], 1)
        self.pos = DynamicPositionBias(dim // 16, heads)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape; H and W are multiples of the window."""
        sizes = dict(zip("yx", self.window, strict=True))
        q, v = rearrange(self.qv(x), "B (Y y) (X x) (s c) -> s B Y X (y x) c", s=2, **sizes)
        spatial, channel = self.correlate_pixels(q, v), self.correlate_channels(q, v)
        mixed = torch.cat((spatial, channel), dim=-1)
        out: Tensor = self.proj(rearrange(mixed, "B Y X (y x) c -> B (Y y) (X x) c", **sizes))
        return out

    def correlate_pixels(self, q: Tensor, v: Tensor) -> Tensor:
        """Queries and values (B,Y,X,n,C/2) to the same shape (S-SC)."""
        cells = rearrange(
            v,
            "B Y X (a i b j) (h d) -> B Y X h (a b) d (i j)",
            h=self.heads,
            **dict(zip("abij", self.cells + self.cell, strict=True)),
        )
        values = self.spatial_linear(cells).squeeze(-1)
        q = rearrange(q, "B Y X n (h d) -> B Y X h n d", h=self.heads)
        bias = self.pos(self.window, self.cell).to(values.dtype)
        correlated: Tensor = q @ (values.mT @ values / q.shape[-1])
        correlated = correlated + torch.einsum("hnk,BYXhkd->BYXhnd", bias, values)
        return rearrange(correlated, "B Y X h n d -> B Y X n (h d)")

    def correlate_channels(self, q: Tensor, v: Tensor) -> Tensor:
        """Queries and values (B,Y,X,n,C/2) to the same shape (C-SC)."""
        correlated: Tensor = v @ ((v / v.shape[-2]).mT @ q)
        return correlated


class HierarchicalBlock(nn.Module):
    """Correlation within windows and a feed-forward network, each before a norm and beside a skip (HTB).

    Args:
        dim: C.
        heads: Heads of the spatial correlation.
        window: Height and width of a window; the features are padded to multiples of it.
        base: Height and width of the base window.
        mlp_ratio: Width of the feed-forward network relative to C.
    """

    def __init__(self, dim: int, heads: int, window: tuple[int, int], base: tuple[int, int], mlp_ratio: float) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(dim)
        self.correlation = SpatialChannelCorrelation(dim, heads, window, base)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = ConvFeedForward(dim, int(dim * mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape, of any size."""
        height, width = x.shape[1:3]
        padded = x
        for axis, (size, side) in enumerate(zip((height, width), self.window, strict=True), start=1):
            if size % side:
                indices = _padding_indices(size, 0, -size % side, "reflect", x.device)
                padded = padded.index_select(axis, indices)
        x = x + self.norm1(self.correlation(padded)[:, :height, :width])
        out: Tensor = x + self.norm2(self.mlp(x))
        return out


class HiTSRF(Trunk, Encoder):
    """HiT-SRF without its upsampler.

    Args:
        embed_dim: Feature channels C.
        base_win_size: Side of the base window, or its height and width; a window has at most as many cells.
        depths: Blocks of each group.
        num_heads: Heads of each group.
        mlp_ratio: Width of the feed-forward networks relative to C.
        hier_win_ratios: Side of the window relative to the base window, block by block of a group.
        checkpointing: Compute every block anew in the backward pass: less memory, a third more time.

    Raises:
        InputError: If heads, ratios and depths do not fit each other.
    """

    rgb_mean = DIV2K_MEAN

    def __init__(
        self,
        embed_dim: int = 60,
        base_win_size: int | Sequence[int] = 8,
        depths: Sequence[int] = (6, 6, 6, 6),
        num_heads: Sequence[int] = (6, 6, 6, 6),
        mlp_ratio: float = 2,
        hier_win_ratios: Sequence[float] = (0.5, 1, 2, 4, 6, 8),
        checkpointing: bool = False,
    ) -> None:
        check_stages(embed_dim, depths, num_heads, parts=2)
        if max(depths) > len(hier_win_ratios):
            raise InputError(f"hier_win_ratios has {len(hier_win_ratios)} ratios for groups of {max(depths)} blocks")
        base = (base_win_size,) * 2 if isinstance(base_win_size, int) else (base_win_size[0], base_win_size[1])
        windows = [(int(base[0] * ratio), int(base[1] * ratio)) for ratio in hier_win_ratios[: max(depths)]]
        for window in windows:
            if min(window) < 1 or any(side > cells and side % cells for side, cells in zip(window, base, strict=True)):
                raise InputError(
                    f"hier_win_ratios make a window of {window[0]}×{window[1]} of the base window {base[0]}×{base[1]}: "
                    "larger windows must be multiples of it"
                )
        groups = [
            Blocks(
                [HierarchicalBlock(embed_dim, heads, window, base, mlp_ratio) for window in windows[:depth]],
                checkpointing,
            )
            for heads, depth in zip(num_heads, depths, strict=True)
        ]
        super().__init__(embed_dim, groups)
        self.out_channels = embed_dim
        self.traced_multiple = math.lcm(*(side for window in windows for side in window))
