"""What SRNet asks of an encoder.

Legend: B batch, C feature channels, H and W height and width of the low-resolution image.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from igconv_sr.functional.padding import PadMode

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean RGB of the DIV2K training images, in [0,1] (EDSR)."""


class Encoder(nn.Module, ABC):
    """Base of the paper's encoders: maps an image to features at the same resolution.

    A class of one's own need not derive from it; having the four attributes is enough.

    Attributes:
        out_channels: C.
        size_multiple: H and W must be multiples of this; SRNet pads (1: any size is fine).
        pad_mode: How SRNet pads.
        traced_multiple: A program traced from it (:mod:`igconv_sr.export`) serves multiples of this; need not exist
            where it is ``size_multiple``.
        rgb_mean: Subtracted from the input and added back to the output, or None.
        prefers_channels_last: Whether a GPU trains it faster in half precision with channels last; need not exist.
        add_mean: Need not exist; a module that SRNet applies to the image convolved from the features, before the
            resampled LR image is added, for an encoder that shifts the mean itself (RCAN).
    """

    out_channels: int
    size_multiple: int = 1
    pad_mode: PadMode = "reflect"
    rgb_mean: tuple[float, float, float] | None = None
    prefers_channels_last: ClassVar[bool] = True

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Maps (B,3,H,W), shifted by the mean and padded, to (B,C,H,W)."""
