"""Position bias of attention: one learned value per head and difference of two positions.

Legend: h heads, N queries and K keys of a window, both row by row; y, x position of a query, v, u of a key.
"""

from einops import rearrange
from torch import Tensor


def relative_position_bias(table: Tensor, queries: tuple[int, int], step: tuple[int, int] = (1, 1)) -> Tensor:
    """Spreads a table over position differences to all pairs of query and key.

    Along each axis, entry 0 of the table is the smallest difference query - key and the last the largest. The pairs are
    strided views of the table, so that no index per pair is needed.

    Args:
        table: (differences along y, differences along x, h).
        queries: Queries along y and x; N is their product.
        step: Distance of neighbouring keys, in queries, along y and x.

    Returns:
        (h,N,K).

    Example:
        >>> import torch
        >>> relative_position_bias(torch.arange(3.0).view(1, 3, 1), queries=(1, 2))
        tensor([[[1., 0.],
                 [2., 1.]]])
    """
    # For each key a window of the queries' size: only pairs that are wanted take part, in the backward pass too.
    pairs = table.unfold(0, queries[0], step[0]).unfold(1, queries[1], step[1])
    return rearrange(pairs.flip(0, 1), "v u h y x -> h (y x) (v u)")
