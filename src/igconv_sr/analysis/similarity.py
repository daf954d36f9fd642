"""CKA between all layers of two encoders, over images that are read one after the other.

Legend: N positions, H and W height and width of the LR image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from igconv_sr.analysis.encoder_layers import LayerFeatures
from igconv_sr.data import BenchmarkImages, Prefetch
from igconv_sr.errors import InputError
from igconv_sr.functional.cka import StreamedCKA


@dataclass(frozen=True)
class Similarity:
    """What was found.

    Attributes:
        matrix: (layers of A, layers of B), in [0,1].
        images: How many were read.
        examples: Positions, over all images.
        with_itself: Whether A and B are the same.
    """

    matrix: Tensor
    images: int
    examples: int
    with_itself: bool

    @property
    def diagonal_mean(self) -> float | None:
        """Mean over the pairs of layers of the same number; None if the encoders have not as many layers."""
        rows, columns = self.matrix.shape
        return self.matrix.diagonal().mean().item() if rows == columns else None


def layer_similarity(a: LayerFeatures, b: LayerFeatures, images: BenchmarkImages, positions: int) -> Similarity:
    """CKA of every layer of A with every layer of B; both see the same LR images.

    Args:
        a: A.
        b: B; the same object as ``a`` compares an encoder with itself.
        images: Of which the LR images count.
        positions: How many pixels of each image are examples, drawn anew for each image but alike in every call; of
            smaller images all are.

    Raises:
        InputError: If a layer puts out the same at all positions: nothing can be said of its similarity.
    """
    streamed = StreamedCKA()
    for number, item in enumerate(Prefetch(images)):
        chosen = sample_positions(item.lr.shape[-2] * item.lr.shape[-1], positions, number)
        lr = item.lr.float() / 255
        features = a(lr, chosen)
        streamed.update(features, features if b is a else b(lr, chosen))
    matrix = streamed.compute().cpu()
    for letter, names, dead in (("A", a.names, matrix.isnan().all(1)), ("B", b.names, matrix.isnan().all(0))):
        _check_alive(letter, names, dead)
    return Similarity(matrix, len(images), streamed.examples, b is a)


def sample_positions(pixels: int, count: int, seed: int) -> Tensor:
    """Different indices below ``pixels``, at most ``count``: (N,), the same for the same arguments."""
    return torch.randperm(pixels, generator=torch.Generator().manual_seed(seed))[:count]


def _check_alive(letter: str, names: Sequence[str], dead: Tensor) -> None:
    for name, constant in zip(names, dead.tolist(), strict=True):
        if constant:
            raise InputError(
                f"layer {name} of {letter} puts out the same at all positions, so that CKA is not defined; leave it "
                "out of --layers, or give more images"
            )
