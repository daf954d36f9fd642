"""Convolution at p output pixels for every q input pixels, exactly: the grid that a rational scale r = p/q has.

Output pixel i of an axis, at the scale r = p/q in lowest terms, has its centre at (i + 1/2)·q/p in LR pixels. It
belongs to the LR pixel (cell) n = floor((i + 1/2)·q/p) and lies there at the offset d = 2·((i + 1/2)·q/p - n) - 1 in
[-1,1), the coordinate of a hyper-network: :func:`igconv_sr.upsamplers.hypernet.sub_pixels`. It is computed by the
kernel of that offset on the k×k features around that cell.

For even q one line of centres per period lies between two cells, q/2 - 1 and q/2. It belongs to the second one, at d =
-1; or, where kernels of p + 1 phases are given, to both: it is the mean of what the first gives at d = 1 and the second
at d = -1. A hyper-network is least sure there, as whole scales have no such offsets.

As i grows by p, n grows by q and d is the same again. So each axis has p phases, all of different offsets, and the
result is p×p kernels, each applied to every q-th cell of each axis. For q = 1 this is the sub-pixel convolution: n =
i div p, and d are the centres of p sub-pixels.

The phases whose cell is the same one of the q×q share its features: q×q convolutions of stride q, together as many
multiplications as the output has use for. (Kernels of k + q - 1, zero where a phase looks away, would make one
convolution of it, with (k + q - 1)²/k² times the multiplications.) What they give is p×p phases per q×q cells, which
depth-to-space by p makes an image of.

Legend: B batch, C input channels, H and W size of the input, k kernel size, O outputs per pixel.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from igconv_sr.functional.paired_size import output_length
from igconv_sr.scale import Ratio


def polyphase(features: Tensor, kernel: Tensor, scale: Ratio) -> Tensor:
    """Convolves, with zeros around the features as a padded convolution has.

    Args:
        features: (B,C,H,W).
        kernel: (O·n·n,C,k,k), k odd; ordered output, row phase, column phase. n = p, or for even q also p + 1: the line
            between two cells is then computed from both. O is no multiple of p².
        scale: r = p/q.

    Returns:
        (B,O·p·p,ceil(H/q),ceil(W/q)) in the order of the kernel. Where H or W is no multiple of q, the last phases
        are those of cells outside, whose features are zeros: :func:`igconv_sr.functional.paired_size.output_size`
        says how many are inside.
    """
    p, q = scale
    reach = kernel.shape[-1] // 2
    if q == 1:
        return F.conv2d(features, kernel, padding=reach)
    height, width = features.shape[-2:]
    padded = F.pad(features, (reach, reach + -width % q, reach, reach + -height % q))
    both_sides = len(kernel) % p**2 != 0
    per_axis = p + 1 if both_sides else p
    phases = kernel.view(-1, per_axis, per_axis, *kernel.shape[1:])
    spans = phases_of_cells(scale, both_sides)
    rows = [
        torch.cat([_of_cell(padded, phases[:, down, across], top, left, q) for left, across in enumerate(spans)], dim=3)
        for top, down in enumerate(spans)
    ]
    out = torch.cat(rows, dim=2)
    if both_sides:
        out = _one_line(_one_line(out, dim=2), dim=3)
    return out.flatten(1, 3)


def phases_of_cells(scale: Ratio, both_sides: bool) -> list[slice]:
    """For each of the q cells of a period the phases, out of p, that belong to it.

    Args:
        scale: r = p/q.
        both_sides: Whether the line between two cells counts twice, as one of p + 1 phases.

    Example:
        >>> phases_of_cells(Ratio(5, 2), False), phases_of_cells(Ratio(5, 2), True)
        ([slice(0, 2, None), slice(2, 5, None)], [slice(0, 3, None), slice(3, 6, None)])
    """
    # Those before cell n are the output pixels of an image of n cells.
    bounds = [output_length(cell, scale) for cell in range(scale.q + 1)]
    if both_sides:
        bounds = [bound + (2 * cell >= scale.q) for cell, bound in enumerate(bounds)]
    return [slice(first, last) for first, last in pairwise(bounds)]


def _one_line(phases: Tensor, dim: int) -> Tensor:
    """The mean of the two lines in the middle instead of both."""
    around = phases.shape[dim] // 2 - 1
    before, first, second, after = phases.split_with_sizes((around, 1, 1, around), dim)
    return torch.cat((before, (first + second) / 2, after), dim)


def _of_cell(padded: Tensor, phases: Tensor, top: int, left: int, q: int) -> Tensor:
    """The phases (O,a,b,C,k,k) of one cell of every period: (B,O,a,b,periods down,periods across)."""
    height, width = (size - q + 1 for size in padded.shape[-2:])
    seen = padded[..., top : top + height, left : left + width]
    out = F.conv2d(seen, phases.flatten(0, 2), stride=q)
    return out.view(out.shape[0], *phases.shape[:3], *out.shape[2:])
