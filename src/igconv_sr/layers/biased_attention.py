"""Attention with a learned bias on a processor.

PyTorch's memory-saving attention for processors knows no gradient of the bias: where one is needed it falls back to
writing out all logits, slower than the textbook. Here its forward pass is kept, and the backward pass computes the
attention anew, a few windows of one head at a time, so that they stay in the cache.

Legend: W windows, h heads, N queries and K keys of a window, d channels of a head.
"""

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_LOGITS_AT_ONCE = 2**18
"""A megabyte of logits: four windows of 16×16."""


def attend_with_bias(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, scale: float) -> Tensor:
    """Scaled dot-product attention, with gradients by all tensors.

    Args:
        q: (W,h,N,d).
        k: (W,h,K,d).
        v: (W,h,K,d).
        bias: (1,h,N,K), of the same type.
        scale: Factor of the logits before the bias.

    Returns:
        (W,h,N,d).

    Example:
        >>> q, bias = torch.rand(2, 3, 5, 4), torch.rand(1, 3, 5, 5)
        >>> attend_with_bias(q, q, q, bias, 0.5).shape
        torch.Size([2, 3, 5, 4])
    """
    out: Tensor = _BiasedAttention.apply(q, k, v, bias, scale)  # type: ignore[no-untyped-call]
    return out


class _BiasedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(q, k, v, bias)
        ctx.scale = scale
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias.detach(), scale=scale)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, bias = ctx.saved_tensors
        grad = grad.to(q.dtype)
        grad_q, grad_k, grad_v = (torch.empty_like(x) for x in (q, k, v))
        grad_bias = torch.zeros_like(bias, dtype=torch.promote_types(bias.dtype, torch.float32))
        windows = max(_LOGITS_AT_ONCE // (q.shape[-2] * k.shape[-2]), 1)
        for start, head in product(range(0, q.shape[0], windows), range(q.shape[1])):
            at = slice(start, start + windows), head
            q_at, k_at, v_at, grad_at = (x[at].contiguous() for x in (q, k, v, grad))
            attention = torch.baddbmm(bias[:, head], q_at, k_at.mT, alpha=ctx.scale).softmax(dim=-1)
            grad_v[at] = attention.mT @ grad_at
            # The gradient of softmax: P (dP - Σ P dP).
            weighted = (grad_at @ v_at.mT).mul_(attention)
            logits = weighted.addcmul_(attention, weighted.sum(dim=-1, keepdim=True), value=-1)
            grad_bias[:, head] += logits.sum(dim=0)
            grad_q[at] = (logits @ k_at).mul_(ctx.scale)
            grad_k[at] = (logits.mT @ q_at).mul_(ctx.scale)
        return grad_q, grad_k, grad_v, grad_bias.to(bias.dtype), None


def needs_own_backward(q: Tensor, bias: Tensor) -> bool:
    """Whether :func:`attend_with_bias` is the better choice; a compiler sees the plain operator instead."""
    learned = bias.requires_grad and torch.is_grad_enabled()
    return learned and q.device.type == "cpu" and not torch.compiler.is_compiling()
