"""What inference, evaluation and a user's own model share: an image in, a larger one out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from igconv_sr.scale import Scale


class SuperResolver(nn.Module, ABC):
    """What evaluation asks of a model.

    Attributes:
        scales: Those of its training; empty where it was not trained.
    """

    scales: Sequence[float] = ()

    @property
    def size_multiple(self) -> int:
        """The number of LR pixels whose multiples the model takes as height and width without padding."""
        return 1

    @abstractmethod
    def forward(self, lr: Tensor, scale: Scale) -> Tensor:
        """Maps an RGB image (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped.

        Raises:
            InputError: If the model does not serve that scale.
        """

    @abstractmethod
    def fold(self, scales: Sequence[Scale]) -> "SuperResolver":
        """The same function at the given scales, ready for inference.

        Raises:
            InputError: If the model does not serve one of the scales.
        """
