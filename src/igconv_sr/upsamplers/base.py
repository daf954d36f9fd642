"""What SRNet asks of an upsampler.

Legend: B batch, C feature channels, H and W size of the LR image, r scale; r·H and r·W are rounded as
:func:`igconv_sr.functional.paired_size.output_size` does.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from igconv_sr.scale import Scale


class Upsampler(nn.Module, ABC):
    """Base of the upsamplers: maps features to an image r times as large.

    Attributes:
        shared_across_scales: Whether every parameter takes part at every scale; if not, DDP has to look for the
            unused ones.
    """

    shared_across_scales: ClassVar[bool] = True

    @abstractmethod
    def forward(self, features: Tensor, scale: Scale, lr: Tensor, recolour: nn.Module | None = None) -> Tensor:
        """Maps features (B,C,H,W) and the LR image (B,3,H,W) to (B,3,r·H,r·W), r being the nearest fraction p/q.

        ``recolour`` maps the image of the main branch, before a resampled LR image is added; SRNet gives it where
        the encoder has one.
        """

    def forward_mixed(
        self,
        features: Sequence[Tensor],
        scales: Sequence[Scale],
        lr: Sequence[Tensor],
        recolour: nn.Module | None = None,
    ) -> list[Tensor]:
        """As :meth:`forward` for groups of several scales: features, scale and LR image of each."""
        return [self(*group, recolour) for group in zip(features, scales, lr, strict=True)]

    @abstractmethod
    def fold(self, scales: Sequence[Scale]) -> "Upsampler":
        """A new module for inference at the given scales, with plain weights."""
