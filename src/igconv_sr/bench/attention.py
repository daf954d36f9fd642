"""Window attention in HAT's shape against softmax(QKᵀ + bias)V written out.

Legend: B batch, S side of the map, C channels, w side of a window, N = w·w tokens of a window, h heads.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.layers.attention import WindowSelfAttention
from igconv_sr.layers.windows import border_mask
from igconv_sr.measure.comparison import Comparison, with_gradients


def window_attention(
    batch: int, shifted: bool, side: int = 64, window: int = 16, channels: int = 180, heads: int = 6
) -> Comparison:
    """Forward and backward of the attention of a block, from its input to its projection."""
    x = torch.rand(batch, side, side, channels, requires_grad=True)
    net = WindowSelfAttention(channels, window, heads)
    shift = window // 2
    mask = border_mask(side, side, window, shift, 1, x.device) if shifted else None
    full_mask = _mask(side, window, shift) if shifted else None
    index = _index(window)
    inputs = [x, *net.parameters()]

    def ours() -> Sequence[Tensor]:
        return with_gradients([net(x, mask)], inputs)

    def reference() -> Sequence[Tensor]:
        return with_gradients([_written_out(net, x, index, full_mask)], inputs)

    kind = "shifted" if shifted else "plain"
    name = f"Window attention, {kind} / written out: {batch}×{side}², window {window}, {channels} ch., {heads} heads"
    return Comparison(name, ours, reference, limit=0.77, memory_limit=0.6)


def _written_out(net: WindowSelfAttention, x: Tensor, index: Tensor, mask: Tensor | None) -> Tensor:
    """What the authors of Swin published: all windows in one tensor, the bias by an index for each pair."""
    batch, side, _, channels = x.shape
    count, w, heads = side // net.window, net.window, net.heads
    qkv = net.qkv(x).view(batch, count, w, count, w, 3, heads, channels // heads)
    q, k, v = qkv.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, batch * count**2, heads, w * w, channels // heads)
    logits = (q * (channels // heads) ** -0.5) @ k.transpose(-2, -1)
    bias = net.relative_position_bias_table[index.flatten()].view(w * w, w * w, heads)
    logits = logits + bias.permute(2, 0, 1)
    if mask is not None:
        logits = (logits.unflatten(0, (batch, count**2)) + mask.unsqueeze(1)).flatten(0, 1)
    out = (logits.softmax(dim=-1) @ v).view(batch, count, count, heads, w, w, channels // heads)
    projected: Tensor = net.proj(out.permute(0, 1, 4, 2, 5, 3, 6).reshape(x.shape))
    return projected


def _index(window: int) -> Tensor:
    """Row of the bias table for each pair of tokens, (N,N)."""
    axis = torch.arange(window)
    y, x = (place.flatten() for place in torch.meshgrid(axis, axis, indexing="ij"))
    rows, columns = (place.unsqueeze(1) - place + window - 1 for place in (y, x))
    return rows * (2 * window - 1) + columns


def _mask(side: int, window: int, shift: int) -> Tensor:
    """-100 where two tokens of a window come from different parts of the image, 0 elsewhere: (windows,N,N)."""
    parts = torch.zeros(side, side)
    spans = (slice(0, side - window), slice(side - window, side - shift), slice(side - shift, side))
    for number, (rows, columns) in enumerate((rows, columns) for rows in spans for columns in spans):
        parts[rows, columns] = number
    count = side // window
    parts = parts.view(count, window, count, window).transpose(1, 2).reshape(count**2, window**2)
    return torch.where(parts.unsqueeze(2) == parts.unsqueeze(1), 0.0, -100.0)
