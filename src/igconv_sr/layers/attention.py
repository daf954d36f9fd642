"""Attention inside windows, with a learned position bias and a mask for shifted windows.

Legend: B batch, H and W height and width of the map, C channels, Y and X rows and columns of windows, y and x rows
and columns within a window, h heads, d channels of a head, N queries and K keys of a window, s stack of q, k, v.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.layers.biased_attention import attend_with_bias, needs_own_backward
from igconv_sr.layers.position import relative_position_bias
from igconv_sr.layers.windows import border

_CUDA_ALIGNMENT = 8


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Scaled dot-product attention with a bias on the logits.

    On CUDA the heads are filled with zeros to a multiple of 8 channels: the memory-saving kernels take no others
    (180 channels in 6 heads are 30).

    Args:
        q: (…,h,N,d).
        k: (…,h,K,d).
        v: (…,h,K,d).
        bias: Added to the logits, broadcast to (…,h,N,K).
        scale: Factor of the logits before the bias; 1/√d by default.

    Returns:
        (…,h,N,d).
    """
    channels = q.shape[-1]
    scale = 1 / math.sqrt(channels) if scale is None else scale
    bias = None if bias is None else bias.to(q.dtype)
    if bias is not None and needs_own_backward(q, bias):
        return attend_with_bias(q, k, v, bias, scale)
    filling = -channels % _CUDA_ALIGNMENT if q.is_cuda else 0
    if filling:
        q, k, v = (F.pad(x, (0, filling)) for x in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)
    return out[..., :channels]


def attend_windows(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, mask: Tensor | None) -> Tensor:
    """Attention within each window of a grid.

    With a mask, the windows inside and those at the border are two calls: the mask and the bias are added up for the
    border alone, which for a large image saves a tensor many times the size of the features.

    Args:
        q: (B,Y,X,h,N,d).
        k: (B,Y,X,h,K,d).
        v: (B,Y,X,h,K,d).
        bias: (h,N,K).
        mask: (Y-1+X,N,K) from :func:`igconv_sr.layers.windows.border_mask`, or None if the map is not shifted.

    Returns:
        (B,Y,X,h,N,d).
    """
    if mask is None:
        return attend(q.flatten(0, 2), k.flatten(0, 2), v.flatten(0, 2), bias.unsqueeze(0)).reshape(q.shape)
    rows, columns = q.shape[1:3]
    # The windows differ in their mask, so they go where SDPA has its heads.
    logits = (bias + mask.unsqueeze(1)).flatten(0, 1).unsqueeze(0)
    q_border, k_border, v_border = border(q), border(k), border(v)
    attended = attend(q_border.flatten(1, 2), k_border.flatten(1, 2), v_border.flatten(1, 2), logits)
    right, bottom = attended.reshape(q_border.shape).tensor_split((rows - 1,), dim=1)
    if rows == 1 or columns == 1:
        return bottom.unsqueeze(1) if rows == 1 else torch.cat((right, bottom), dim=1).unsqueeze(2)
    inside = attend_windows(q[:, :-1, :-1], k[:, :-1, :-1], v[:, :-1, :-1], bias, None)
    top = torch.cat((inside, right.unsqueeze(2)), dim=2)
    return torch.cat((top, bottom.unsqueeze(1)), dim=1)


def merge_windows(windows: Tensor, window: int) -> Tensor:
    """Puts the windows' tokens back where they were: (B,Y,X,h,N,d) to (B,H,W,C)."""
    return rearrange(windows, "B Y X h (y x) d -> B (Y y) (X x) (h d)", y=window)


def position_table(differences: int, heads: int) -> nn.Parameter:
    """The learned values of a position bias, (differences², h), normal with deviation 0.02."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(differences**2, heads), std=0.02))


class WindowAttention(nn.Module):
    """Multi-head attention within windows, from given queries, keys and values (W-MSA).

    Args:
        dim: Channels C.
        window: Side of a window.
        heads: Attention heads; divides C.
    """

    def __init__(self, dim: int, window: int, heads: int) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.relative_position_bias_table = position_table(2 * window - 1, heads)
        self.proj = nn.Linear(dim, dim)

    def forward(self, qkv: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B,H,W,3C) to (B,H,W,C); H and W are multiples of the window."""
        q, k, v = rearrange(
            qkv, "B (Y y) (X x) (s h d) -> s B Y X h (y x) d", s=3, h=self.heads, y=self.window, x=self.window
        )
        side = 2 * self.window - 1
        table = self.relative_position_bias_table.view(side, side, -1)
        bias = relative_position_bias(table, (self.window, self.window))
        out: Tensor = self.proj(merge_windows(attend_windows(q, k, v, bias, mask), self.window))
        return out


class WindowSelfAttention(WindowAttention):
    """:class:`WindowAttention` with its own projection to queries, keys and values."""

    def __init__(self, dim: int, window: int, heads: int) -> None:
        super().__init__(dim, window, heads)
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        return super().forward(self.qkv(x), mask)
