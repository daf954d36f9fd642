"""IGSample: bilinear resampling of the LR image at positions that depend on the features.

Legend: B batch, H and W size of the LR image, r = p/q scale in lowest terms.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.scale import Ratio
from igconv_sr.upsamplers.hypernet import GroupedLinear, HyperNetwork

MAPS_PER_SUBPIXEL = 12
"""Group (offset, scope) × axis (x, y) × colour (r, g, b)."""

_INITIAL_STD = 0.01


def resample(lr: Tensor, maps: Tensor, scale: Ratio) -> Tensor:
    """Samples each colour plane of the LR image at pixel centre + offset.

    Args:
        lr: (B,3,H,W), any value range.
        maps: (B,12·p·p,ceil(H/q),ceil(W/q)), channels ordered group (offset, scope), axis (x, y), colour, row, column.
            The offset used is ``offset · sigmoid(scope) / 2``, in LR pixels.
        scale: r = p/q. Output pixel i has its centre at (i + 1/2)·q/p, in LR pixels.

    Returns:
        (B,3,p·ceil(H/q),p·ceil(W/q)); beyond the border the nearest pixel is taken.
    """
    p, q = scale
    height, width = lr.shape[-2:]
    rows, columns = (size * p for size in maps.shape[-2:])
    pattern = "b (group xy rgb i j) h w -> group (b rgb) (h i) (w j) xy"
    # Sampling positions need float32 also under autocast: half precision cannot tell pixels apart.
    offset, scope = rearrange(maps.float(), pattern, group=2, xy=2, rgb=3, i=p, j=p)
    # From -1 to 1 over the image, as grid_sample takes them: output pixels are 2·q / (p·size) apart.
    x, y = (_centres(count, q / (p * size), maps) for count, size in ((columns, width), (rows, height)))
    centre = torch.stack((x.expand(rows, -1), y.unsqueeze(1).expand(-1, columns)), dim=-1)
    half_pixel = torch.stack((x.new_full((), 1 / width), x.new_full((), 1 / height)))
    grid = torch.addcmul(centre, offset * scope.sigmoid(), half_pixel)
    planes = rearrange(lr.float(), "b rgb h w -> (b rgb) 1 h w")
    sampled = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return rearrange(sampled, "(b rgb) 1 h w -> b rgb h w", rgb=3)


def _centres(count: int, half: float, like: Tensor) -> Tensor:
    """Places of output pixels along an axis, the first at ``half - 1``, the next ``2 * half`` apart: (count,)."""
    return torch.arange(count, dtype=torch.float32, device=like.device).mul_(2 * half).add_(half - 1)


def sampling_hypernetwork(positions: int, hidden_dim: int, num_layers: int, max_scale: float) -> HyperNetwork:
    """The hyper-network of IGSample's kernel: one group for the offsets, one for their scope.

    Starts near plain bilinear interpolation: the layers truncated normal of σ 0.01, biases too, the offsets equal for
    all three colours and every scope at one half. Latents and phase start as in any hyper-network.
    """
    net = HyperNetwork(positions, MAPS_PER_SUBPIXEL, hidden_dim, num_layers, max_scale, groups=2, out_bias=False)
    for parameter in net.mlp.parameters():
        nn.init.trunc_normal_(parameter, std=_INITIAL_STD)
    last = net.mlp[-1]
    assert isinstance(last, GroupedLinear)
    with torch.no_grad():
        offset, scope = last.weight
        per_axis = offset.view(2, 3, -1)
        per_axis.copy_(per_axis[:, :1].expand_as(per_axis).clone())
        scope.zero_()
    return net
