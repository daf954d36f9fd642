"""The kernels of an upsampler at a scale, as one picture per filter, and their spectra.

A convolution with depth-to-space gives every one of the r×r sub-pixels its own k×k filter. Laid out side by side they
are what one LR pixel of a feature adds to the image around it: the kernel of the equal transposed convolution, r·k HR
pixels wide.

Legend: C feature channels, k kernel size, r scale, S samples of a spectrum along an axis, o of 3 colours, u and v row
and column in the kernel, i and j row and column of the sub-pixel.
"""

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.errors import InputError
from igconv_sr.functional.dihedral import dihedral_mean
from igconv_sr.upsamplers import IGConv, SPConv, Upsampler

_SPECTRUM_LR_PIXELS = 16
"""Width to which filters are padded with zeros; its inverse is the step of the frequencies, in cycles per LR pixel."""

RED = 0
"""The colour whose filters are drawn; spectra are of all three."""

HIGHEST_FREQUENCY = 2
"""Cycles per LR pixel."""


class Kernels(NamedTuple):
    """All filters of an upsampler at a scale.

    Attributes:
        scale: r.
        fgrep: Whether each filter is the mean of its flipped and turned copies.
        weights: (3,r,r,C,k,k).
    """

    scale: int
    fgrep: bool
    weights: Tensor


@torch.no_grad()
def kernels_at(upsampler: Upsampler, scale: int) -> Iterator[Kernels]:
    """The kernels that give the image: without FGRep, and with it where the model has it.

    Args:
        upsampler: IGConv, at any whole scale, or SPConv, at those that it has heads for.
        scale: r.

    Raises:
        InputError: If the upsampler has no kernels, or none for this scale.
    """
    if isinstance(upsampler, IGConv):
        plain = copy.copy(upsampler)
        plain.fgrep = False
        kernel = plain.kernel(scale)[: 3 * scale**2]
    elif isinstance(upsampler, SPConv):
        kernel = _convolution(upsampler.fold([scale])).weight
    else:
        raise InputError(
            f"{type(upsampler).__name__} has neither a hyper-network nor a single convolution, whose kernels could be "
            "drawn; give a model with igconv, igconv_plus or spconv"
        )
    weights = rearrange(kernel.float(), "(o i j) c u v -> o i j c u v", i=scale, j=scale)
    yield Kernels(scale, False, weights)
    if isinstance(upsampler, IGConv) and upsampler.fgrep:
        yield Kernels(scale, True, dihedral_mean(weights))


def _convolution(folded: nn.Module) -> nn.Conv2d:
    (convolution,) = (module for module in folded.modules() if isinstance(module, nn.Conv2d))
    return convolution


def sub_pixel_tiles(kernels: Kernels, colour: int, channel: int) -> Tensor:
    """One filter as r×r tiles, one per sub-pixel, of k×k weights: (r·k,r·k)."""
    tiles: Tensor = rearrange(kernels.weights[colour, :, :, channel], "i j u v -> (i u) (j v)")
    return tiles


def impulse_responses(kernels: Kernels) -> Tensor:
    """What one pixel of a feature adds to the image around it: (C,3,r·k,r·k).

    A convolution reaches back: what lies above in the kernel acts below in the image, hence the flip.
    """
    responses: Tensor = rearrange(kernels.weights.flip(-2, -1), "o i j c u v -> c o (u i) (v j)")
    return responses


def mean_spectrum(kernels: Kernels) -> Tensor:
    """Mean magnitude of the spectra of all impulse responses at :func:`frequencies`: (S,S).

    Divided by r², so that the value at 0 is what a constant feature adds to the image, at every scale alike.
    """
    side = _SPECTRUM_LR_PIXELS * kernels.scale
    total = torch.zeros(side, side, dtype=torch.float64)
    responses = impulse_responses(kernels)
    for response in responses:  # one by one: at large scales all spectra together take gigabytes
        total += torch.fft.fft2(response.double(), s=(side, side)).abs().sum(dim=0)
    middle, half = side // 2, len(frequencies(kernels.scale)) // 2
    shown = slice(middle - half, middle + half)
    mean: Tensor = torch.fft.fftshift(total)[shown, shown] / (3 * len(responses) * kernels.scale**2)
    return mean


def frequencies(scale: int) -> Tensor:
    """Frequencies along an axis of a spectrum, ascending, 0 in the middle: (S,).

    In cycles per LR pixel, up to half the scale or to 2 cycles: beyond, little is left.
    """
    half = min(_SPECTRUM_LR_PIXELS * scale // 2, _SPECTRUM_LR_PIXELS * HIGHEST_FREQUENCY)
    return torch.arange(-half, half) / _SPECTRUM_LR_PIXELS


def radial_profile(spectrum: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Mean of a spectrum over rings one frequency step wide: frequencies and values, below the highest frequency."""
    axis = frequencies(scale)
    radius = torch.hypot(axis[:, None], axis[None, :])
    ring = (radius * _SPECTRUM_LR_PIXELS).round().long().flatten()
    means = torch.bincount(ring, weights=spectrum.flatten()) / torch.bincount(ring)
    return axis[len(axis) // 2 :], means[: len(axis) // 2]


def neighbour_correlation(kernels: Kernels) -> float:
    """Correlation of the weights of neighbouring sub-pixels, over all filters (Figure 4 of the paper).

    Pearson's coefficient over all pairs of sub-pixels side by side or one below the other.
    """
    sub_pixels = kernels.weights.double()
    pairs = [
        (sub_pixels[:, :-1], sub_pixels[:, 1:]),
        (sub_pixels[:, :, :-1], sub_pixels[:, :, 1:]),
    ]
    first, second = (torch.cat([side.flatten() for side in sides]) for sides in zip(*pairs, strict=True))
    return torch.corrcoef(torch.stack((first, second)))[0, 1].item()
