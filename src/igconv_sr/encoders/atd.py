"""ATD: Transcending the Limit of Local Window with an Adaptive Token Dictionary (Zhang et al., CVPR 2024).

Each block adds up attention within windows, attention to a dictionary of learned tokens, and attention among
pixels that are most like the same token, wherever they lie. The dictionary adapts to the image from block to block.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image, L = H·W, M tokens of the
dictionary, G groups of pixels of a category, n pixels of a group, h heads, d channels of a head, s stack of q, k, v.
"""

import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.functional.padding import PadMode
from igconv_sr.layers.attention import WindowAttention, attend
from igconv_sr.layers.feed_forward import ConvFeedForward
from igconv_sr.layers.shifted_windows import ShiftedTrunk
from igconv_sr.layers.trunk import check_stages, run_block
from igconv_sr.layers.windows import cyclic_shift

_LARGEST_LOGIT_SCALE = 100.0


class DictionaryAttention(nn.Module):
    """Attention of the pixels to the tokens of a dictionary, by cosine similarity (ATD-CA).

    Args:
        dim: C.
        num_tokens: M.
        reduced: Channels in which pixels and tokens are compared.
    """

    def __init__(self, dim: int, num_tokens: int, reduced: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((num_tokens,), 0.5))
        self.wq = nn.Linear(dim, reduced)
        self.wk = nn.Linear(dim, reduced)
        self.wv = nn.Linear(dim, dim)

    def forward(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Maps pixels (B,L,C) and tokens (B,M,C) to (B,L,C) and the attention (B,L,M)."""
        cosine = F.normalize(self.wq(x), dim=-1) @ F.normalize(self.wk(tokens), dim=-1).mT
        sharpness = 1 + self.scale.clamp(0, 1) * math.log(tokens.shape[1])
        attention = (cosine * sharpness).softmax(dim=-1)
        return attention @ self.wv(tokens), attention


class CategoryAttention(nn.Module):
    """Attention among the pixels of a category (AC-MSA).

    The pixels are sorted by the token they are most like and cut into groups of equal size, so that a group may hold
    the end of one category and the beginning of the next. The last group is filled up with a mirror image of its end.

    Args:
        dim: C.
        heads: Attention heads.
        category_size: n, if the image has as many pixels.
    """

    def __init__(self, dim: int, heads: int, category_size: int) -> None:
        super().__init__()
        self.heads, self.category_size = heads, category_size
        self.logit_scale = nn.Parameter(torch.full((1, 1), math.log(10)))
        self.proj = nn.Linear(dim, dim)

    def forward(self, qkv: Tensor, attention: Tensor) -> Tensor:
        """Maps (B,L,3C) and the attention to the tokens (B,L,M) to (B,L,C)."""
        length = qkv.shape[1]
        group = min(length, self.category_size)
        # The order of equal keys decides who shares a group. A GPU keeps it, hence so did the published runs.
        order = attention.argmax(dim=-1).sort(dim=-1, stable=True).indices
        filled = torch.cat((order, order[:, length - (-length % group) :].flip(1)), dim=1)
        grouped = qkv.gather(1, filled.unsqueeze(-1).expand(-1, -1, qkv.shape[-1]))
        q, k, v = rearrange(grouped, "B (G n) (s h d) -> s B G h n d", n=group, s=3, h=self.heads)
        scale = self.logit_scale.clamp(max=math.log(_LARGEST_LOGIT_SCALE)).exp().to(q.dtype)
        attended = attend((q * scale).flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), scale=1.0)
        attended = rearrange(attended, "(B G) h n d -> B (G n) (h d)", B=q.shape[0])
        position = order.argsort(dim=-1).unsqueeze(-1).expand(-1, -1, attended.shape[-1])
        out: Tensor = self.proj(attended.gather(1, position))
        return out


class AdaptiveTokenBlock(nn.Module):
    """The three kinds of attention, added up, and a feed-forward network; refines the dictionary unless it is the last.

    Args:
        dim: C.
        heads: Attention heads.
        window: Side of a window.
        shift: Shift of the windows in pixels; 0 for none.
        category_size: Pixels of a group in the attention within categories.
        num_tokens: M.
        reduced: Channels in which pixels and tokens are compared.
        kernel_size: Of the convolution in the feed-forward network.
        mlp_ratio: Width of the feed-forward network relative to C.
        refines: Whether the dictionary is used again after this block.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        window: int,
        shift: int,
        category_size: int,
        num_tokens: int,
        reduced: int,
        kernel_size: int,
        mlp_ratio: float,
        refines: bool,
    ) -> None:
        super().__init__()
        self.shift, self.refines = shift, refines
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        if refines:
            self.norm3 = nn.InstanceNorm1d(num_tokens, affine=True)
            self.sigma = nn.Parameter(torch.zeros(num_tokens, 1))
        self.wqkv = nn.Linear(dim, 3 * dim)
        self.attn_win = WindowAttention(dim, window, heads)
        self.attn_atd = DictionaryAttention(dim, num_tokens, reduced)
        self.attn_aca = CategoryAttention(dim, heads, category_size)
        self.convffn = ConvFeedForward(dim, int(dim * mlp_ratio), kernel_size)

    def forward(self, x: Tensor, tokens: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Maps pixels (B,H,W,C) and tokens (B,M,C) to the same shapes; only a shifted block heeds the mask."""
        normed = self.norm1(x)
        qkv = self.wqkv(normed)
        from_tokens, attention = self.attn_atd(normed.flatten(1, 2), tokens)
        from_category = self.attn_aca(qkv.flatten(1, 2), attention)
        from_window = self.attn_win(cyclic_shift(qkv, self.shift), mask if self.shift else None)
        x = x + cyclic_shift(from_window, -self.shift) + (from_tokens + from_category).view(x.shape)
        x = x + self.convffn(self.norm2(x))
        return x, self.refine(x.flatten(1, 2), tokens, attention) if self.refines else tokens

    def refine(self, x: Tensor, tokens: Tensor, attention: Tensor) -> Tensor:
        """Moves each token towards the pixels that are most like it: (B,L,C), (B,M,C), (B,L,M) to (B,M,C)."""
        share = self.norm3(attention.mT).softmax(dim=-1)
        kept = self.sigma.sigmoid()
        refined: Tensor = kept * tokens + (1 - kept) * (share @ x)
        return refined


class TokenBlocks(nn.Module):
    """The blocks of a group and the dictionary they begin with (ATDB).

    Args:
        dim: C.
        num_tokens: M.
        layers: Blocks, the last of which does not refine the dictionary.
        checkpointing: Whether to trade the memory of each block's activations for a second forward pass.
    """

    def __init__(self, dim: int, num_tokens: int, layers: Iterable[nn.Module], checkpointing: bool) -> None:
        super().__init__()
        self.td = nn.Parameter(torch.randn(num_tokens, dim))
        self.layers = nn.ModuleList(layers)
        self.checkpointing = checkpointing

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        tokens = self.td.expand(x.shape[0], -1, -1)
        for layer in self.layers:
            x, tokens = run_block(layer, x, tokens, mask, checkpointing=self.checkpointing)
        return x


class ATD(ShiftedTrunk, Encoder):
    """ATD without its upsampler.

    Args:
        embed_dim: Feature channels C.
        depths: Blocks of each group.
        num_heads: Attention heads of each group.
        window_size: Side of a window.
        category_size: Pixels of a group in the attention within categories.
        num_tokens: Tokens M of each group's dictionary.
        reducted_dim: Channels in which pixels and tokens are compared.
        convffn_kernel_size: Side of the convolution in the feed-forward networks.
        mlp_ratio: Width of the feed-forward networks relative to C.
        checkpointing: Compute every block anew in the backward pass: less memory, a third more time.

    Raises:
        InputError: If the heads do not fit.
    """

    rgb_mean = DIV2K_MEAN
    pad_mode: PadMode = "symmetric"

    def __init__(
        self,
        embed_dim: int = 210,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        num_heads: Sequence[int] = (6, 6, 6, 6, 6, 6),
        window_size: int = 16,
        category_size: int = 256,
        num_tokens: int = 128,
        reducted_dim: int = 20,
        convffn_kernel_size: int = 5,
        mlp_ratio: float = 2,
        checkpointing: bool = False,
    ) -> None:
        check_stages(embed_dim, depths, num_heads)
        shift = window_size // 2
        groups = [
            TokenBlocks(
                embed_dim,
                num_tokens,
                [
                    AdaptiveTokenBlock(
                        embed_dim,
                        heads,
                        window_size,
                        shift * (index % 2),
                        category_size,
                        num_tokens,
                        reducted_dim,
                        convffn_kernel_size,
                        mlp_ratio,
                        refines=index < depth - 1,
                    )
                    for index in range(depth)
                ],
                checkpointing,
            )
            for heads, depth in zip(num_heads, depths, strict=True)
        ]
        super().__init__(embed_dim, groups, window_size, shift)
        self.out_channels, self.size_multiple = embed_dim, window_size
