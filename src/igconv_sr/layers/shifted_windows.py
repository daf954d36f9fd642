"""What the transformers with shifted windows share: their block, and a trunk that makes the mask once for all blocks.

Legend: B batch, C channels, H and W height and width of the map.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from igconv_sr.layers.drop_path import DropPath
from igconv_sr.layers.trunk import Trunk
from igconv_sr.layers.windows import border_mask, cyclic_shift


class ShiftedBlock(nn.Module):
    """Window attention and a feed-forward network, each behind a norm and beside a skip.

    Args:
        dim: Channels C.
        attn: Maps (B,H,W,C) and a mask to the same shape.
        mlp: Maps (B,H,W,C) to the same shape.
        shift: Shift of the windows in pixels; 0 for none, and then the mask is not heeded.
        drop_path: Probability of leaving out a branch during training.
    """

    def __init__(self, dim: int, attn: nn.Module, mlp: nn.Module, shift: int, drop_path: float) -> None:
        super().__init__()
        self.shift = shift
        self.norm1 = nn.LayerNorm(dim)
        self.attn = attn
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = mlp

    def attend(self, normed: Tensor, mask: Tensor | None) -> Tensor:
        """The attention branch: (B,H,W,C) behind the norm to the same shape."""
        attended = self.attn(cyclic_shift(normed, self.shift), mask if self.shift else None)
        return cyclic_shift(attended, -self.shift)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        x = x + self.drop_path(self.attend(self.norm1(x), mask))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class ShiftedTrunk(Trunk):
    """A trunk whose blocks are given the mask for shifted windows.

    Args:
        dim: Channels C.
        groups: Each maps (B,H,W,C) and the mask to (B,H,W,C).
        window: Side of a window.
        shift: Shift of those blocks that shift, or 0 if none does; the mask is None then.
        key_step: Pixels per key and axis.
    """

    def __init__(self, dim: int, groups: Iterable[nn.Module], window: int, shift: int, key_step: int = 1) -> None:
        super().__init__(dim, groups)
        self.window, self.shift, self.key_step = window, shift, key_step

    def context(self, x: Tensor) -> tuple[Tensor | None]:
        """The mask for features (B,H,W,C)."""
        if not self.shift:
            return (None,)
        height, width = x.shape[1:3]
        return (border_mask(height, width, self.window, self.shift, self.key_step, x.device),)
