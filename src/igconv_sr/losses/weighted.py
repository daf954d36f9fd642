"""The training loss: a weighted sum of named terms."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from igconv_sr.errors import InputError
from igconv_sr.losses.terms import TERMS


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
        weights: Weight per name of :data:`igconv_sr.losses.terms.TERMS`.

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
