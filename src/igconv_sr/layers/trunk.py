"""The trunk that SwinIR handed down to its successors: convolution, residual groups of blocks, convolution, long skip.

Legend: B batch, H and W height and width of the map, C channels.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from igconv_sr.errors import InputError
from igconv_sr.layers.windows import to_map, to_tokens


def check_stages(embed_dim: int, depths: Sequence[int], num_heads: Sequence[int], parts: int = 1) -> None:
    """Raises InputError unless each group has its number of heads, and the heads divide a part of the channels."""
    if len(depths) != len(num_heads):
        raise InputError(f"depths has {len(depths)} groups and num_heads {len(num_heads)}: give one number per group")
    for heads in num_heads:
        if embed_dim % (parts * heads):
            times = "" if parts == 1 else f"{parts} × "
            raise InputError(f"embed_dim {embed_dim} is not divisible by {times}num_heads {heads}")


def run_block(block: nn.Module, *args: Any, checkpointing: bool) -> Any:
    """Calls a block; with checkpointing its activations are computed again in the backward pass instead of kept."""
    if checkpointing and torch.is_grad_enabled():
        return checkpoint(block, *args, use_reentrant=False)
    return block(*args)


class Blocks(nn.Module):
    """Blocks one after the other.

    Args:
        blocks: Each maps (B,H,W,C), and what the trunk hands to all blocks, to (B,H,W,C).
        checkpointing: Whether to trade the memory of each block's activations for a second forward pass.
    """

    def __init__(self, blocks: Iterable[nn.Module], checkpointing: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.checkpointing = checkpointing

    def forward(self, x: Tensor, *context: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        for block in self.blocks:
            x = run_block(block, x, *context, checkpointing=self.checkpointing)
        return x


class ResidualBlocks(nn.Module):
    """A group of blocks and a 3×3 convolution, added to the input (RSTB)."""

    def __init__(self, dim: int, residual_group: nn.Module) -> None:
        super().__init__()
        self.residual_group = residual_group
        self.conv = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor, *context: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        return x + to_tokens(self.conv(to_map(self.residual_group(x, *context))))


class Trunk(nn.Module):
    """Image to features through residual groups.

    Args:
        dim: Channels C.
        groups: Each maps (B,H,W,C), and what :meth:`context` gives, to (B,H,W,C).
    """

    def __init__(self, dim: int, groups: Iterable[nn.Module]) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, dim, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(dim)})  # nested as in the authors' key names
        self.layers = nn.ModuleList(ResidualBlocks(dim, group) for group in groups)
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = nn.Conv2d(dim, dim, 3, padding=1)
        self.apply(_initialise)

    def context(self, x: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ARG002 - for those that override it
        """What all blocks are given beside the features (B,H,W,C): nothing here, a mask where windows shift."""
        return ()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W) to (B,C,H,W)."""
        shallow: Tensor = self.conv_first(x)
        tokens = self.patch_embed["norm"](to_tokens(shallow))
        context = self.context(tokens)
        for layer in self.layers:
            tokens = layer(tokens, *context)
        deep: Tensor = self.conv_after_body(to_map(self.norm(tokens)))
        return deep + shallow


def _initialise(module: nn.Module) -> None:
    """Linear layers start normal with deviation 0.02 and without bias, the rest as PyTorch has it."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
