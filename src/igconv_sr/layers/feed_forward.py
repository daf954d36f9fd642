"""Feed-forward networks of the transformer blocks.

Legend: B batch, H and W height and width of the map, C channels.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from igconv_sr.layers.windows import to_map, to_tokens


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class ConvFeedForward(FeedForward):
    """A feed-forward network with a depth-wise convolution, beside a skip, between its layers (ConvFFN)."""

    def __init__(self, dim: int, hidden: int, kernel_size: int = 5) -> None:
        super().__init__(dim, hidden)
        conv = nn.Conv2d(hidden, hidden, kernel_size, padding=kernel_size // 2, groups=hidden)
        # The nesting is that of the authors' key names.
        self.dwconv = nn.ModuleDict({"depthwise_conv": nn.Sequential(conv, nn.GELU())})

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        hidden = F.gelu(self.fc1(x))
        local = to_tokens(self.dwconv["depthwise_conv"](to_map(hidden)))
        out: Tensor = self.fc2(hidden + local)
        return out
