"""What SRNet asks of an upsampler.

Legend: B batch, C feature channels, H and W size of the LR image, r = p/q scale in lowest terms; r·H and r·W are
rounded as :func:`igconv_sr.functional.paired_size.output_size` does.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from igconv_sr.functional.paired_size import output_length
from igconv_sr.scale import Ratio, Scale, nearest_ratio


class Branches(NamedTuple):
    """The two images that an upsampler's is the sum of; :func:`joined` adds them.

    Both are (B,3,p·ceil(H/q),p·ceil(W/q)): of whole periods of q LR pixels.

    Attributes:
        convolved: Computed from the features.
        resampled: The LR image, resampled where the features say; None for an upsampler that does not.
    """

    convolved: Tensor
    resampled: Tensor | None = None


def joined(branches: Branches, ratio: Ratio, height: int, width: int) -> Tensor:
    """The sum of the branches, as far as the LR image reaches.

    Args:
        branches: (B,3,p·ceil(H/q),p·ceil(W/q)).
        ratio: r = p/q.
        height: H.
        width: W.

    Returns:
        (B,3,r·H,r·W).
    """
    convolved, resampled = branches
    image = convolved if resampled is None else convolved + resampled
    return image if ratio.q == 1 else _crop(image, output_length(height, ratio), output_length(width, ratio))


def _crop(image: Tensor, rows: int, columns: int) -> Tensor:
    """The upper left part. It is copied: whether a view is contiguous would make an export depend on sizes."""
    image = image.index_select(-2, torch.arange(rows, device=image.device))
    return image.index_select(-1, torch.arange(columns, device=image.device))


class Upsampler(nn.Module, ABC):
    """Base of the upsamplers: maps features to an image r times as large.

    A class of one's own has :meth:`branches` and :meth:`fold`.

    Attributes:
        shared_across_scales: Whether every parameter takes part at every scale; if not, DDP has to look for the
            unused ones.
    """

    shared_across_scales: ClassVar[bool] = True

    def forward(self, features: Tensor, scale: Scale, lr: Tensor) -> Tensor:
        """Maps features (B,C,H,W) and the LR image (B,3,H,W) to (B,3,r·H,r·W), r being the nearest fraction p/q.

        Raises:
            InputError: If the scale is no number from 1 to 64, or not served.
        """
        ratio = nearest_ratio(scale)
        return joined(self.branches(features, ratio, lr), ratio, *lr.shape[-2:])

    @abstractmethod
    def branches(self, features: Tensor, ratio: Ratio, lr: Tensor) -> Branches:
        """Maps features (B,C,H,W) and the LR image (B,3,H,W) to the branches of the image at the scale r = p/q.

        Raises:
            InputError: If the scale is not served.
        """

    def mixed_branches(
        self, features: Sequence[Tensor], ratios: Sequence[Ratio], lr: Sequence[Tensor]
    ) -> list[Branches]:
        """As :meth:`branches` for groups of several scales: features, scale and LR image of each."""
        return [self.branches(*group) for group in zip(features, ratios, lr, strict=True)]

    @abstractmethod
    def fold(self, scales: Sequence[Scale]) -> "Upsampler":
        """A new module for inference at the given scales, with plain weights.

        Raises:
            InputError: If one is no number from 1 to 64, or not served.
        """
