"""The training loss: a weighted sum of named terms."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from igconv_sr.errors import InputError


def l1(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute difference of each image.

    Args:
        sr: (B,3,H,W) in [0,1].
        hr: Same shape and range.

    Returns:
        (B,).
    """
    return (sr - hr).abs().mean(dim=(1, 2, 3))


def frequency(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute difference of the real and imaginary parts of both spectra (IGConv+, rfft2, unnormalised).

    The transform is linear, so the difference is transformed once. Runs in float32 also under autocast: half
    precision takes power-of-two sizes only.

    Args:
        sr: (B,3,H,W) in [0,1].
        hr: Same shape and range.

    Returns:
        (B,).
    """
    with torch.autocast(sr.device.type, enabled=False):
        spectrum = torch.fft.rfft2(sr.float() - hr.float())
        return torch.view_as_real(spectrum).abs().mean(dim=(1, 2, 3, 4))


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1, "frequency": frequency}
"""Each gives one value per image, so that images of every scale weigh the same."""


class LossOfImages(NamedTuple):
    """Loss of each image of a group.

    Attributes:
        total: (B,) weighted sum.
        terms: Per name (B,), unweighted.
    """

    total: Tensor
    terms: dict[str, Tensor]


class WeightedLoss(nn.Module):
    """Sum of terms by weight; a weight of 0 leaves the term out.

    Args:
        weights: Weight per name of :data:`TERMS`.

    Raises:
        InputError: If a name is unknown, a weight is negative or none is positive.
    """

    def __init__(self, **weights: float) -> None:
        super().__init__()
        unknown = sorted(weights.keys() - TERMS.keys())
        if unknown:
            raise InputError(f"unknown loss term {unknown[0]!r}; known are {', '.join(TERMS)}")
        for name, weight in weights.items():
            if weight < 0:
                raise InputError(f"loss.{name}={weight} must not be negative")
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        if not self.weights:
            raise InputError(f"no loss term has a positive weight; set one of {', '.join(f'loss.{t}' for t in TERMS)}")

    def forward(self, sr: Tensor, hr: Tensor) -> LossOfImages:
        """Compares images (B,3,H,W) in [0,1]."""
        terms = {name: TERMS[name](sr, hr) for name in self.weights}
        weighted = [weight * terms[name] for name, weight in self.weights.items()]
        return LossOfImages(torch.stack(weighted).sum(dim=0), terms)
