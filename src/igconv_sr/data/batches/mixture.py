"""Draws from several data sets in a stated proportion."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from igconv_sr.errors import InputError


class Mixture:
    """Several sets in one store, one behind the other.

    Args:
        names: Of the sets, for messages.
        counts: Images of each.
        weights: Of each: a patch is cut from set k with probability weight k / sum of weights, at every scale, and
            from each of its images that are large enough with equal probability.
    """

    def __init__(self, names: Sequence[str], counts: Sequence[int], weights: Sequence[float]) -> None:
        self.names = tuple(names)
        self.bounds = np.cumsum([0, *counts])
        self.probabilities = np.asarray(weights, dtype=np.float64) / sum(weights)

    def split(self, usable: Mapping[float, npt.NDArray[np.int64]]) -> dict[float, list[npt.NDArray[np.int64]]]:
        """The usable images of each set, per scale.

        Args:
            usable: Per scale the sorted indices of the images that are large enough.

        Raises:
            InputError: If a set has none at some scale, so that its share cannot be kept.
        """
        parts = {}
        for scale, images in usable.items():
            parts[scale] = np.split(images, np.searchsorted(images, self.bounds[1:-1]))
            for name, part in zip(self.names, parts[scale], strict=True):
                if not part.size:
                    raise InputError(
                        f"no image of data.mix.{name} is large enough for a patch at ×{scale:g}; lower "
                        "data.lr_patch_size or leave the set out"
                    )
        return parts

    def draw(self, random: np.random.Generator) -> int:
        """The set that the next patch is cut from."""
        return int(random.choice(len(self.names), p=self.probabilities))
