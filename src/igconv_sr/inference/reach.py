"""How far a network looks: the overlap at which tiles give exactly what the whole image gives.

Legend: H and W size of the LR image, r scale.
"""

import math
from fractions import Fraction

import torch

from igconv_sr.inference.enlargement import network_scale
from igconv_sr.super_resolver import SuperResolver

FARTHEST = 384
"""LR pixels; what looks farther counts as unbounded. The paper's farthest CNN is PLKSR with 310."""


@torch.no_grad()
def find_reach(net: SuperResolver, scale: Fraction) -> int | None:
    """The LR pixels that an output pixel depends on, to each side; None if it may be the whole image.

    A NaN travels as far as the network looks, whatever the weights are: it is put into the first row of a narrow
    strip, and the last output row that it reached tells. Attention over the image, channel attention and pooling carry
    it to the end.

    Args:
        net: In eval mode, on the CPU, where a convolution spreads a NaN no farther than its kernel.
        scale: r = p/q.
    """
    found = [_reach_along(axis, net, scale) for axis in (-2, -1)]
    return None if None in found else max(reach for reach in found if reach is not None)


def _reach_along(axis: int, net: SuperResolver, scale: Fraction) -> int | None:
    length = -(-(FARTHEST + 1) // scale.denominator) * scale.denominator
    strip = torch.rand(1, 3, length, scale.denominator)
    strip[..., 0, :] = torch.nan
    sr = net(strip if axis == -2 else strip.transpose(-1, -2).contiguous(), network_scale(scale))
    spoilt = sr.isnan().movedim(axis, 0).flatten(1).any(dim=1)
    if not spoilt.any():
        return None  # something on the way swallows a NaN, and nothing can be told
    reach = math.ceil((int(spoilt.nonzero().max()) + 1) / scale) - 1
    return reach if reach < FARTHEST else None
