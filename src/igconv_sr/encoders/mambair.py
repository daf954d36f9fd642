"""MambaIR: A Simple Baseline for Image Restoration with State-Space Model (Guo et al., ECCV 2024).

Each block scans the image in four directions with a selective state-space model, then mixes locally
with two convolutions and channel attention; both branches are added to a learned scaling of their input.

Legend: B batch, C feature channels, E inner channels of the scan, H and W height and width of the low-resolution
image, L = H·W, K = 4 scan directions, R rank of the step sizes, N states. Features lie channels last, (B,H,W,C).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.layers.channel_attention import ChannelAttentionBlock
from igconv_sr.layers.drop_path import DropPath, growing_rates
from igconv_sr.layers.selective_scan import selective_scan
from igconv_sr.layers.trunk import Blocks, ResidualBlocks
from igconv_sr.layers.windows import to_map, to_tokens

_DIRECTIONS = 4
_STEP_RANGE = (0.001, 0.1)
_SQUEEZE = 30


class SelectiveScan2d(nn.Module):
    """Gated selective scan along the rows, along the columns, and both backwards (SS2D).

    Args:
        dim: C.
        d_state: N.
        expand: E relative to C.
    """

    def __init__(self, dim: int, d_state: int, expand: float) -> None:
        super().__init__()
        inner, self.d_state, self.rank = int(expand * dim), d_state, math.ceil(dim / 16)
        self.in_proj = nn.Linear(dim, 2 * inner, bias=False)
        self.conv2d = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.x_proj_weight = nn.Parameter(torch.empty(_DIRECTIONS, self.rank + 2 * d_state, inner))
        self.dt_projs_weight = nn.Parameter(torch.empty(_DIRECTIONS, inner, self.rank))
        self.dt_projs_bias = nn.Parameter(torch.empty(_DIRECTIONS, inner))
        self.A_logs = nn.Parameter(torch.empty(_DIRECTIONS * inner, d_state))
        self.Ds = nn.Parameter(torch.ones(_DIRECTIONS * inner))
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, dim, bias=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Starts with decays of 1 to N and step sizes spread evenly, on a log scale, over [.001,.1]."""
        for linear in (self.in_proj, self.out_proj):
            nn.init.trunc_normal_(linear.weight, std=0.02)
        for weight in (self.x_proj_weight, self.dt_projs_weight):
            bound = weight.shape[-1] ** -0.5
            weight.uniform_(-bound, bound)
        step = self.dt_projs_bias.uniform_(*map(math.log, _STEP_RANGE)).exp_()
        self.dt_projs_bias.copy_(step + torch.log(-torch.expm1(-step)))  # the inverse of softplus
        self.A_logs.copy_(torch.arange(1, self.d_state + 1).log())

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        x, gate = self.in_proj(x).chunk(2, dim=-1)
        x = F.silu(self.conv2d(to_map(x)))
        y = self.scan(to_tokens(x))
        y = self.out_norm(y.to(self.out_norm.weight.dtype)) * F.silu(gate)
        out: Tensor = self.out_proj(y)
        return out

    def scan(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,E) to the sum of the four scans of it, the same shape in float32."""
        height, width = x.shape[1:3]
        rows = rearrange(x, "b h w e -> b (h w) e")
        columns = rearrange(x, "b h w e -> b (w h) e")
        paths = torch.stack((rows, columns, rows.flip(1), columns.flip(1)), dim=2)
        projected = torch.einsum("blke,kce->blkc", paths, self.x_proj_weight)
        ranks, b, c = torch.split(projected, [self.rank, self.d_state, self.d_state], dim=-1)
        steps = torch.einsum("blkr,ker->blke", ranks, self.dt_projs_weight)
        a = -torch.exp(self.A_logs).view(_DIRECTIONS, -1, self.d_state)
        skip = self.Ds.view(_DIRECTIONS, -1)
        y = selective_scan(paths, steps, a, b, c, skip, self.dt_projs_bias, delta_softplus=True)
        both = y[:, :, :2] + y[:, :, 2:].flip(1)
        rows = rearrange(both[:, :, 0], "b (h w) e -> b h w e", h=height)
        return rows + rearrange(both[:, :, 1], "b (w h) e -> b h w e", w=width)


class StateSpaceBlock(nn.Module):
    """Selective scan and channel attention, each behind a norm and beside a scaled skip (VSSB)."""

    def __init__(self, dim: int, d_state: int, expand: float, compress_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.self_attention = SelectiveScan2d(dim, d_state, expand)
        self.drop_path = DropPath(drop_path)
        self.skip_scale = nn.Parameter(torch.ones(dim))
        self.conv_blk = ChannelAttentionBlock(dim, compress_ratio, _SQUEEZE)
        self.ln_2 = nn.LayerNorm(dim)
        self.skip_scale2 = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,H,W,C) to the same shape."""
        x = x * self.skip_scale + self.drop_path(self.self_attention(self.ln_1(x)))
        out: Tensor = x * self.skip_scale2 + self.conv_blk(self.ln_2(x))
        return out


class MambaIR(Encoder):
    """MambaIR without its upsampler. No CUDA package is needed; see :mod:`igconv_sr.layers.selective_scan`.

    Args:
        embed_dim: Feature channels C (60 in MambaIR-light).
        d_state: States N of the scan.
        depths: Blocks of each group ((6, 6, 6, 6)).
        mlp_ratio: Inner channels E of the scan relative to C, usually called ``expand`` (1.5).
        compress_ratio: Factor by which the channel-attention block compresses C; 6 in MambaIR-light under SPConv,
            3 in all others.
        drop_path_rate: Drop-path of the last block's scan; grows from 0 linearly with depth.
        checkpointing: Compute every block anew in the backward pass: less memory, a third more time.
    """

    rgb_mean = DIV2K_MEAN

    def __init__(
        self,
        embed_dim: int = 180,
        d_state: int = 16,
        depths: Sequence[int] = (6, 6, 6, 6, 6, 6),
        mlp_ratio: float = 2.0,
        compress_ratio: int = 3,
        drop_path_rate: float = 0.1,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.out_channels = embed_dim
        self.conv_first = nn.Conv2d(3, embed_dim, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(embed_dim)})
        self.layers = nn.Sequential()
        for rates in growing_rates(drop_path_rate, depths):
            blocks = (StateSpaceBlock(embed_dim, d_state, mlp_ratio, compress_ratio, rate) for rate in rates)
            self.layers.append(ResidualBlocks(embed_dim, Blocks(blocks, checkpointing)))
        self.norm = nn.LayerNorm(embed_dim)
        self.conv_after_body = nn.Conv2d(embed_dim, embed_dim, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W) to (B,C,H,W)."""
        shallow: Tensor = self.conv_first(x)
        deep: Tensor = self.patch_embed["norm"](to_tokens(shallow))
        deep = self.conv_after_body(to_map(self.norm(self.layers(deep))))
        return deep + shallow
