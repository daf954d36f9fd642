"""The selective scan against the recurrence as a loop over the positions.

Legend: L length, D channels, N states.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from igconv_sr.layers.selective_scan import selective_scan
from igconv_sr.measure.comparison import Comparison, with_gradients


def selective_scan_against_loop(length: int = 4096, channels: int = 360, states: int = 16) -> Comparison:
    """Forward and backward, both sides over the whole length.

    The inputs are copied at the start, so that they belong to the peak memory; its limit is relative to the inputs
    and the output.
    """
    u, delta = torch.rand(1, length, 1, channels), torch.rand(1, length, 1, channels)
    a = -torch.rand(1, channels, states)
    b, c = torch.rand(1, length, 1, states), torch.rand(1, length, 1, states)
    operands = (u, delta, a, b, c)

    def run(scan: Callable[..., Tensor]) -> Sequence[Tensor]:
        inputs = [operand.clone().requires_grad_() for operand in operands]
        return with_gradients([scan(*inputs)], inputs)

    return Comparison(
        f"Selective scan / loop over positions: L={length}, {states} states, {channels} channels",
        lambda: run(selective_scan),
        lambda: run(_loop),
        limit=1 / 20,
        memory_limit=3,
        memory_base=sum(operand.nbytes for operand in (*operands, u)),
    )


def _loop(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The recurrence h = exp(Δ A) h + Δ B u, y = C h; shapes as in ours, with one group."""
    h = torch.zeros_like(a)
    outputs = []
    for t in range(u.shape[1]):
        step = delta[:, t].unsqueeze(-1)
        h = torch.exp(step * a) * h + step * b[:, t].unsqueeze(-2) * u[:, t].unsqueeze(-1)
        outputs.append((h * c[:, t].unsqueeze(-2)).sum(dim=-1))
    return torch.stack(outputs, dim=1)
