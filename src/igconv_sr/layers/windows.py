"""Square windows of a feature map and their cyclic shift by half a window (Swin Transformer, Liu et al., ICCV 2021).

After the shift, windows at the bottom and the right hold parts from opposite sides of the image; a mask keeps them
apart. Only those windows need one.

Legend: B batch, H and W height and width of the map, C channels, Y and X rows and columns of windows, N tokens of a
window, K keys of a window.
"""

import torch
from einops import rearrange
from torch import Tensor

from igconv_sr.layers.tables import cached_table

_MASKED = -100.0


def to_map(tokens: Tensor) -> Tensor:
    """Views (B,H,W,C) as (B,C,H,W), for convolutions; contiguous tokens become a channels-last map."""
    return tokens.permute(0, 3, 1, 2)


def to_tokens(features: Tensor) -> Tensor:
    """Views (B,C,H,W) as (B,H,W,C), for linear layers and layer normalisation."""
    return features.permute(0, 2, 3, 1)


def cyclic_shift(tokens: Tensor, shift: int) -> Tensor:
    """Rolls (B,H,W,C) up and left by ``shift`` pixels; a negative shift undoes it."""
    return torch.roll(tokens, (-shift, -shift), dims=(1, 2)) if shift else tokens


def border(windows: Tensor) -> Tensor:
    """The windows of the last column, then of the last row: (B,Y,X,…) to (B,Y-1+X,…)."""
    return torch.cat((windows[:, :-1, -1], windows[:, -1]), dim=1)


@cached_table
def border_mask(height: int, width: int, window: int, shift: int, key_step: int, device: torch.device) -> Tensor:
    """What to add to the attention logits of the :func:`border` windows of a shifted map.

    Args:
        height: H, a multiple of the window.
        width: W, a multiple of the window.
        window: Side of a window in pixels.
        shift: The cyclic shift in pixels.
        key_step: Pixels per key and axis; 1 where each pixel is a key.
        device: Where the mask is needed.

    Returns:
        (Y-1+X,N,K), 0 where query and key come from the same part of the image, -100 elsewhere.
    """
    queries = _parts(height, width, window, shift, device)
    keys = _parts(height // key_step, width // key_step, window // key_step, -(-shift // key_step), device)
    return torch.where(queries.unsqueeze(-1) == keys.unsqueeze(-2), 0.0, _MASKED)


def _parts(height: int, width: int, window: int, shift: int, device: torch.device) -> Tensor:
    """Number of the part of the image from which each token of the border windows comes, (Y-1+X,N)."""
    rows, columns = (_parts_of_axis(size, window, shift, device) for size in (height, width))
    parts = 3 * rows.unsqueeze(1) + columns
    return border(rearrange(parts, "(Y y) (X x) -> 1 Y X (y x)", y=window, x=window)).squeeze(0)


def _parts_of_axis(size: int, window: int, shift: int, device: torch.device) -> Tensor:
    position = torch.arange(size, device=device)
    return (position >= size - window).long() + (position >= size - shift).long()
