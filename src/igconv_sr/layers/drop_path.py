"""Drop-path: leaves out the residual branch of random samples (Huang et al., Deep Networks with Stochastic Depth)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """During training, zeroes a sample's branch with probability ``rate`` and scales the others by 1/(1-rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Maps (B,…) to the same shape."""
        if not self.training or self.rate == 0:
            return branch
        kept = torch.rand(branch.shape[:1] + (1,) * (branch.dim() - 1), device=branch.device) >= self.rate
        return branch * (kept / (1 - self.rate)).to(branch.dtype)

    def extra_repr(self) -> str:
        """The rate, for printing the module."""
        return f"rate={self.rate:.3g}"


def growing_rates(last: float, depths: Sequence[int]) -> list[list[float]]:
    """Rates growing linearly from 0 at the first block to ``last`` at the last, grouped by ``depths``.

    Example:
        >>> growing_rates(0.75, (2, 2))
        [[0.0, 0.25], [0.5, 0.75]]
    """
    total = sum(depths)
    rates = iter(last * index / max(total - 1, 1) for index in range(total))
    return [[next(rates) for _ in range(depth)] for depth in depths]
