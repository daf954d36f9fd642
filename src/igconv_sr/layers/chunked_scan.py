"""The selective scan as one operator of PyTorch's own operations, on any device.

A sequence is walked in chunks of T positions. Inside a chunk everything but the recurrence itself is computed for
all positions at once; only the states between two chunks are kept, and the backward pass computes the others anew
from them. So memory does not grow with length × states, and as A ≤ 0 only factors up to 1 are ever multiplied:
nothing overflows, and there is nothing to divide by.

Legend: B batch, K groups (scan directions), D channels of a group, L length, N states, T positions of a chunk,
S chunks. States of a chunk are (B,T,K,N,D): the longest axis innermost, where the processor wants it.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_CHUNK = 32
"""T on a processor: the states of a chunk stay in its cache."""

_CHUNK_ACCELERATOR = 64
_LANES_ACCELERATOR = 8
"""Lanes in which an accelerator scans a chunk side by side: fewer launches, more work in each."""


class _Chunk(NamedTuple):
    """What both passes need of one chunk."""

    step: Tensor
    """Δ (B,T,K,D)."""
    raw: Tensor | None
    """What Δ is the softplus of (B,T,K,D), or None where there is none."""
    drive: Tensor
    """Δ u (B,T,K,D)."""
    x: Tensor
    """u (B,T,K,D)."""
    b: Tensor
    """(B,T,K,N)."""
    c: Tensor
    """(B,T,K,N)."""


class _Scan:
    """The operands, cut into chunks."""

    def __init__(
        self, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, delta_bias: Tensor, softplus: bool
    ) -> None:
        self.dtype = torch.float64 if u.dtype == torch.float64 else torch.float32
        self.u, self.delta, self.b, self.c, self.softplus = u, delta, b, c, softplus
        self.a = a.to(self.dtype).transpose(1, 2).contiguous()
        self.bias = delta_bias.to(self.dtype)
        on_cpu = u.device.type == "cpu"
        self.lanes = 1 if on_cpu else _LANES_ACCELERATOR
        length, size = u.shape[1], _CHUNK if on_cpu else _CHUNK_ACCELERATOR
        self.spans = [slice(start, min(start + size, length)) for start in range(0, length, size)]
        self.state_shape = (u.shape[0], *self.a.shape)

    def new_states(self) -> "_States":
        """Room for the states of one chunk."""
        positions = self.spans[0].stop if self.spans else 0
        shape = (self.state_shape[0], positions, *self.state_shape[1:])
        return _States(torch.empty(shape, dtype=self.dtype, device=self.u.device))

    def chunk(self, span: slice) -> _Chunk:
        """The operands of a chunk in the precision of the computation."""
        x, raw, b, c = (t[:, span].to(self.dtype) for t in (self.u, self.delta, self.b, self.c))
        raw = raw + self.bias
        if not self.softplus:
            return _Chunk(raw, None, raw * x, x, b, c)
        step = F.softplus(raw)
        return _Chunk(step, raw, step * x, x, b, c)

    def run(self, chunk: _Chunk, carry: Tensor, decay: "_States", h: "_States") -> None:
        """Writes exp(Δ A) and h into the two, from the state ``carry`` (B,K,N,D) before the chunk."""
        torch.mul(chunk.step.unsqueeze(-2), self.a, out=decay.all).exp_()
        torch.mul(chunk.drive.unsqueeze(-2), chunk.b.unsqueeze(-1), out=h.all)
        h.at[0].addcmul_(decay.at[0], carry)
        _accumulate(h, decay, self.lanes)


class _States:
    """A tensor (B,T,K,N,D) and its views at each position: making views costs as much as computing."""

    def __init__(self, states: Tensor) -> None:
        self.all, self.at = states, states.unbind(1)

    def first(self, positions: int) -> "_States":
        """The first positions of it."""
        return self if positions == len(self.at) else _States(self.all[:, :positions])


def _accumulate(x: _States, decay: _States, lanes: int, backwards: bool = False) -> None:
    """Adds to every x[t] what reaches it: decay[t]·x[t-1], or backwards decay[t+1]·x[t+1]; in place.

    With several lanes the chunk is cut into as many parts that advance together; then what a part ends with
    is handed on to the next, through the product of the decays on the way.
    """
    length = len(x.at)
    if lanes == 1 or length % lanes or length == lanes:
        _advance(x.at, decay.at, backwards)
        return
    shape = (x.all.shape[0], lanes, length // lanes, *x.all.shape[2:])
    parts, factors = x.all.view(shape), decay.all.view(shape)
    _advance(parts.unbind(2), factors.unbind(2), backwards)
    if backwards:
        following = torch.cat((factors[:, 1:, :1], torch.ones_like(factors[:, :1, :1])), dim=1)
        reach = torch.cat((factors[:, :, 1:], following), dim=2).flip(2).cumprod(2).flip(2)
        for lane in range(lanes - 2, -1, -1):
            parts[:, lane].addcmul_(reach[:, lane], parts[:, lane + 1, :1])
    else:
        reach = factors.cumprod(2)
        for lane in range(1, lanes):
            parts[:, lane].addcmul_(reach[:, lane], parts[:, lane - 1, -1:])


def _advance(x: tuple[Tensor, ...], decay: tuple[Tensor, ...], backwards: bool) -> None:
    if backwards:
        for t in range(len(x) - 2, -1, -1):
            x[t].addcmul_(decay[t + 1], x[t + 1])
    else:
        for t in range(1, len(x)):
            x[t].addcmul_(decay[t], x[t - 1])


def _sum_states(weights: Tensor, states: Tensor) -> Tensor:
    """Sums (B,T,K,N,D) over N with weights (B,T,K,N), giving (B,T,K,D)."""
    return torch.matmul(weights.unsqueeze(-2), states).squeeze(-2)


def _sum_channels(states: Tensor, weights: Tensor) -> Tensor:
    """Sums (B,T,K,N,D) over D with weights (B,T,K,D), giving (B,T,K,N)."""
    # A row times the transposed matrix takes a third of the time of the matrix times a column.
    return torch.matmul(weights.unsqueeze(-2), states.mT).squeeze(-2)


@torch.library.custom_op("igconv_sr::selective_scan", mutates_args=())
def chunked_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, delta_bias: Tensor, delta_softplus: bool
) -> tuple[Tensor, Tensor]:
    """Runs the recurrence of :func:`igconv_sr.layers.selective_scan.selective_scan`, whose operands these are.

    Returns:
        y (B,L,K,D), and the states before every chunk (S,B,K,N,D) for the backward pass; in float32, or float64 where
        ``u`` is float64.
    """
    with torch.autocast(u.device.type, enabled=False):
        scan = _Scan(u, delta, a, b, c, delta_bias, delta_softplus)
        y = torch.empty(u.shape, dtype=scan.dtype, device=u.device)
        before = torch.empty((len(scan.spans), *scan.state_shape), dtype=scan.dtype, device=u.device)
        carry = torch.zeros(scan.state_shape, dtype=scan.dtype, device=u.device)
        skip = d.to(scan.dtype)
        full = scan.new_states(), scan.new_states()
        for i, span in enumerate(scan.spans):
            chunk = scan.chunk(span)
            decay, h = (states.first(chunk.x.shape[1]) for states in full)
            before[i] = carry
            scan.run(chunk, carry, decay, h)
            carry.copy_(h.at[-1])
            torch.addcmul(_sum_states(chunk.c, h.all), chunk.x, skip, out=y[:, span])
    return y, before


@torch.library.custom_op("igconv_sr::selective_scan_backward", mutates_args=())
def _backward(
    grad: Tensor,
    before: Tensor,
    u: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor,
    delta_bias: Tensor,
    delta_softplus: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Returns the gradients by u, delta, a, b, c, d and delta_bias, given the one by y."""
    with torch.autocast(u.device.type, enabled=False):
        scan = _Scan(u, delta, a, b, c, delta_bias, delta_softplus)
        grad_u, grad_delta, grad_b, grad_c = (torch.empty_like(x) for x in (u, delta, b, c))
        grad_a, grad_skip, grad_bias = (torch.zeros_like(x) for x in (scan.a, scan.bias, scan.bias))
        carry = torch.zeros(scan.state_shape, dtype=scan.dtype, device=u.device)
        skip = d.to(scan.dtype)
        full = scan.new_states(), scan.new_states(), scan.new_states()
        for span, initial in zip(reversed(scan.spans), reversed(before.unbind(0)), strict=True):
            chunk, dy = scan.chunk(span), grad[:, span].to(scan.dtype)
            decay, h, g = (states.first(chunk.x.shape[1]) for states in full)
            scan.run(chunk, initial, decay, h)
            # g, the gradient by the states: of the outputs at and after them.
            torch.mul(dy.unsqueeze(-2), chunk.c.unsqueeze(-1), out=g.all)
            g.at[-1].add_(carry)
            _accumulate(g, decay, scan.lanes, backwards=True)
            torch.mul(decay.at[0], g.at[0], out=carry)
            grad_c[:, span] = _sum_channels(h.all, dy)
            grad_b[:, span] = _sum_channels(g.all, chunk.drive)
            grad_drive = _sum_states(chunk.b, g.all)
            # The gradient by Δ A: g · exp(Δ A) · the state before. It takes the place of exp(Δ A).
            decay.all[:, 1:].mul_(h.all[:, :-1])
            decay.at[0].mul_(initial)
            decay.all.mul_(g.all)
            grad_a += torch.mul(decay.all, chunk.step.unsqueeze(-2), out=h.all).sum((0, 1))
            grad_step = torch.mul(decay.all, scan.a, out=h.all).sum(-2).addcmul_(grad_drive, chunk.x)
            if chunk.raw is not None:
                grad_step.mul_(torch.sigmoid(chunk.raw))
            grad_bias += grad_step.sum((0, 1))
            grad_skip += (dy * chunk.x).sum((0, 1))
            grad_delta[:, span] = grad_step
            grad_u[:, span] = grad_drive.mul_(chunk.step).addcmul_(dy, skip)
    return (
        grad_u,
        grad_delta,
        grad_a.transpose(1, 2).contiguous().to(a.dtype),
        grad_b,
        grad_c,
        grad_skip.to(d.dtype),
        grad_bias.to(delta_bias.dtype),
    )


@chunked_scan.register_fake
def _(
    u: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor,  # noqa: ARG001
    delta_bias: Tensor,
    delta_softplus: bool,
) -> tuple[Tensor, Tensor]:
    scan = _Scan(u, delta, a, b, c, delta_bias, delta_softplus)
    y = torch.empty(u.shape, dtype=scan.dtype, device=u.device)
    return y, y.new_empty((len(scan.spans), *scan.state_shape))


@_backward.register_fake
def _(*operands: Any) -> tuple[Tensor, ...]:
    u, delta, a, b, c, d, delta_bias, _ = operands[2:]
    grad_u, grad_delta, grad_b, grad_c = (torch.empty_like(x) for x in (u, delta, b, c))
    grad_a, grad_d, grad_bias = (x.new_empty(x.shape) for x in (a, d, delta_bias))
    return grad_u, grad_delta, grad_a, grad_b, grad_c, grad_d, grad_bias


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1], *inputs[:7])
    ctx.delta_softplus = inputs[7]


def _gradients(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    # The second output, the states between chunks, serves this pass alone: it has no gradient.
    return *_backward(grad, *ctx.saved_tensors, ctx.delta_softplus), None


chunked_scan.register_autograd(_gradients, setup_context=_keep)
