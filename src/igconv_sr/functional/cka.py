"""Linear centred kernel alignment (CKA): how alike two representations of the same examples are.

Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019. 1 means equal up to an orthogonal
map and a factor, 0 uncorrelated.

Legend: N examples, P and Q features that either representation has of an example.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


def linear_cka(x: Tensor, y: Tensor) -> Tensor:
    """CKA of two representations.

    Args:
        x: (N,P), any value range.
        y: (N,Q), the same examples in the same order.

    Returns:
        ``‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖)`` of the centred features with Frobenius norms, in [0,1], a scalar in double precision;
        NaN if the features of one are the same for all examples.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]])
        >>> round(linear_cka(x, 3 * x.flip(1) - 7).item(), 12)
        1.0
    """
    streamed = StreamedCKA()
    streamed.update([x], [y])
    return streamed.compute()[0, 0]


class StreamedCKA:
    """CKA of every layer of one network with every layer of another, from examples that come in batches.

    Kept are the means and the centred sums of products, in double precision: as much memory as features squared,
    however many examples there are. Batches are joined by the update of Chan et al. (1983), which, unlike subtracting
    the product of the means at the end, loses no digits where features are far from zero.
    """

    def __init__(self) -> None:
        self.examples = 0

    def update(self, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> None:
        """Adds examples.

        Args:
            xs: Per layer of the first network its features (N,P).
            ys: Per layer of the second network its features (N,Q), of the same examples.
        """
        a, b = _centred(xs), _centred(ys)
        if self.examples == 0:
            self._allocate(a, b)
        count = a.features.shape[0]
        total = self.examples + count
        weight = self.examples * count / total
        step_a, step_b = a.mean - self._mean_a, b.mean - self._mean_b
        _add_products(self._cross, a.features, b.features, step_a, step_b, weight)
        for own, side, step in ((self._own_a, a, step_a), (self._own_b, b, step_b)):
            parts = zip(
                own, torch.split(side.features, side.widths, dim=1), torch.split(step, side.widths), strict=True
            )
            for products, features, part in parts:
                _add_products(products, features, features, part, part, weight)
        self._mean_a += step_a * (count / total)
        self._mean_b += step_b * (count / total)
        self.examples = total

    def compute(self) -> Tensor:
        """CKA of the examples so far: (layers of the first, layers of the second), double precision."""
        norms_a, norms_b = ([products.norm() for products in own] for own in (self._own_a, self._own_b))
        rows = torch.split(self._cross, [len(products) for products in self._own_a])
        widths = [len(products) for products in self._own_b]
        squares = [torch.stack([block.norm().square() for block in torch.split(row, widths, dim=1)]) for row in rows]
        return torch.stack(squares) / torch.outer(torch.stack(norms_a), torch.stack(norms_b))

    def _allocate(self, a: "_Centred", b: "_Centred") -> None:
        self._mean_a, self._mean_b = torch.zeros_like(a.mean), torch.zeros_like(b.mean)
        self._cross = a.mean.new_zeros(len(a.mean), len(b.mean))
        self._own_a, self._own_b = ([x.mean.new_zeros(width, width) for width in x.widths] for x in (a, b))


class _Centred(NamedTuple):
    """All layers of a network: features less their means (N,P), the means (P,), and the features of each layer."""

    features: Tensor
    mean: Tensor
    widths: list[int]


def _centred(layers: Sequence[Tensor]) -> _Centred:
    features = torch.cat([layer.double() for layer in layers], dim=1)
    mean = features.mean(dim=0)
    return _Centred(features.sub_(mean), mean, [layer.shape[1] for layer in layers])


def _add_products(products: Tensor, x: Tensor, y: Tensor, step_x: Tensor, step_y: Tensor, weight: float) -> None:
    """Adds a batch's products (P,Q), and what its means' distance from those so far contributes."""
    products.addmm_(x.mT, y).addr_(step_x, step_y, alpha=weight)
