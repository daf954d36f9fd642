"""The selective scan of Mamba (Gu and Dao, 2023) without a CUDA package.

Per group k, channel d and state n, with Δ = softplus(delta + bias) or delta:

    h_t = exp(Δ_t A) h_(t-1) + Δ_t B_t u_t,    y_t = Σ_n C_t h_t + D u_t.

Legend: B batch, K groups (scan directions), D channels of a group, L length, N states.
"""

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

from igconv_sr.layers.chunked_scan import chunked_scan

_MAMBA_IS_INSTALLED = importlib.util.find_spec("mamba_ssm") is not None


def selective_scan(
    u: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> Tensor:
    """Runs the recurrence along L, with gradients by all tensors.

    ``mamba_ssm``'s kernel is used for CUDA tensors where that package is installed. Otherwise this is one operator,
    opaque to ``torch.compile`` and without a graph break, that computes in float32, or float64 for a float64 ``u``.

    Args:
        u: Input (B,L,K,D).
        delta: Step sizes (B,L,K,D), before bias and softplus.
        a: (K,D,N), not above 0.
        b: (B,L,K,N).
        c: (B,L,K,N).
        d: Weight of the skip (K,D), or None for no skip.
        delta_bias: Added to ``delta`` (K,D), or None.
        delta_softplus: Whether softplus follows.

    Returns:
        (B,L,K,D) in float32, or float64 where ``u`` is float64.

    Example:
        >>> u, delta, b = torch.rand(1, 9, 2, 4), torch.rand(1, 9, 2, 4), torch.rand(1, 9, 2, 3)
        >>> selective_scan(u, delta, -torch.rand(2, 4, 3), b, b).shape
        torch.Size([1, 9, 2, 4])
    """
    d = u.new_zeros(a.shape[:2]) if d is None else d
    delta_bias = u.new_zeros(a.shape[:2]) if delta_bias is None else delta_bias
    operands = (u, delta, a, b, c, d, delta_bias, delta_softplus)
    y: Tensor = _mamba_scan(*operands) if u.is_cuda and _MAMBA_IS_INSTALLED else chunked_scan(*operands)[0]
    return y


def _outside_graphs(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Keeps a function out of compiled graphs; only where it is used, as importing the compiler takes a second."""
    if not _MAMBA_IS_INSTALLED:
        return function
    outside: Callable[..., Tensor] = torch.compiler.disable(function)  # type: ignore[no-untyped-call]
    return outside


@_outside_graphs
def _mamba_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, delta_bias: Tensor, delta_softplus: bool
) -> Tensor:
    """``mamba_ssm``'s kernel, whose layout is (B,K·D,L) and (B,K,N,L); ``torch.compile`` ends a graph here."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # type: ignore[import-not-found]

    y: Tensor = selective_scan_fn(
        *(x.float().flatten(2).transpose(1, 2).contiguous() for x in (u, delta)),
        a.float().flatten(0, 1).contiguous(),
        *(x.float().permute(0, 2, 3, 1).contiguous() for x in (b, c)),
        d.float().flatten(),
        z=None,
        delta_bias=delta_bias.float().flatten(),
        delta_softplus=delta_softplus,
    )
    return y.transpose(1, 2).reshape(u.shape)
