"""How LR patches are made from HR pixels: the two kinds of it, and the bicubic ones.

Legend: n side of the LR patch, m margin in LR pixels, r = p/q scale.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igconv_sr.functional.imresize import KERNEL_REACH, reduce_crop_fixed_point, reduce_crop_uint8
from igconv_sr.functional.paired_size import aligned, larger, paired_size
from igconv_sr.pictures.decoding import UInt8Image


class PatchPlace(NamedTuple):
    """The place of a patch.

    Attributes:
        number: Of the image in the store.
        scale: r.
        top: LR row.
        left: LR column.
        side: n.
    """

    number: int
    scale: float
    top: int
    left: int
    side: int


class Degradation(ABC):
    """How the LR patch of a crop is made.

    Attributes:
        margin: LR pixels around a crop that it needs, mirrored where the image ends.
    """

    margin: int

    def margin_at(self, scale: float) -> int:
        """The margin of crops at a scale: the next multiple of q, which is a whole number of HR pixels too."""
        return aligned(self.margin, scale)


class BatchDegradation(Degradation):
    """Makes the LR patches of a batch at once, on the device."""

    @abstractmethod
    def __call__(self, crops: Tensor, scale: float, seeds: Sequence[int]) -> Tensor:
        """LR patches of rows of one scale; a row's depends on its pixels and its seed alone.

        Args:
            crops: (B,3,(n+2m)·r,(n+2m)·r) uint8, in memory with the channels last.
            scale: r.
            seeds: Per row, for what is drawn.

        Returns:
            (B,3,n,n) uint8.
        """


class PatchDegradation(Degradation):
    """Makes LR patches one by one, in the process that cuts the crop."""

    margin = 0

    @abstractmethod
    def patch(self, image: UInt8Image, place: PatchPlace) -> UInt8Image:
        """The LR patch (n,n,3) at a place of an HR image (H,W,3)."""


class Matlab(BatchDegradation):
    """MATLAB's bicubic ``imresize`` of the whole image, bit for bit where :func:`reduce_crop_uint8` says so."""

    margin = KERNEL_REACH

    def __call__(self, crops: Tensor, scale: float, seeds: Sequence[int]) -> Tensor:  # noqa: ARG002 (draws nothing)
        """Reduces the crops."""
        return reduce_crop_uint8(crops, scale, self.margin_at(scale))


MATLAB = Matlab()
"""What every benchmark is made with, hence the default."""


class MatlabFast(BatchDegradation):
    """As :class:`Matlab` in 8-bit arithmetic at every scale: within 1 of 255. GPUs have none and reduce exactly."""

    margin = KERNEL_REACH

    def __call__(self, crops: Tensor, scale: float, seeds: Sequence[int]) -> Tensor:  # noqa: ARG002 (draws nothing)
        """Reduces the crops."""
        reduce = reduce_crop_fixed_point if crops.device.type == "cpu" else reduce_crop_uint8
        return reduce(crops, scale, self.margin_at(scale))


class Pil(PatchDegradation):
    """Pillow's bicubic ``Image.resize`` of the whole image, bit for bit.

    The image ends at a multiple of p. Pillow does not mirror there: it leaves out what lies outside and
    makes the weights sum to one again.
    """

    def patch(self, image: UInt8Image, place: PatchPlace) -> UInt8Image:
        """Hands Pillow the patch's HR pixels and as many around them as its kernel takes in, where there are any."""
        spans, box = [], []
        reach = aligned(KERNEL_REACH, place.scale)
        for start, size in zip((place.top, place.left), image.shape[:2], strict=True):
            first = max(start - reach, 0)
            last = min(start + place.side + reach, paired_size(size, place.scale)[0])
            spans.append(slice(larger(first, place.scale), larger(last, place.scale)))
            box.append(larger(start - first, place.scale))
        side, (top, left) = larger(place.side, place.scale), box
        around = Image.fromarray(np.ascontiguousarray(image[spans[0], spans[1]]))
        inner = (left, top, left + side, top + side)
        return np.array(around.resize((place.side, place.side), Image.Resampling.BICUBIC, box=inner))


def degrade_whole(hr: Tensor, scale: float, degradation: BatchDegradation) -> Tensor:
    """The LR version of a whole image; what is drawn hangs on its pixels and the scale alone.

    Args:
        hr: (1,3,H,W) uint8 on the CPU, H and W multiples of p.
        scale: r = p/q.
        degradation: What the training's LR patches are made by.

    Returns:
        (1,3,H/r,W/r) uint8.
    """
    pixels = hr[0].permute(1, 2, 0).numpy()
    margin = larger(degradation.margin_at(scale), scale)
    around = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    return degradation(torch.from_numpy(around).permute(2, 0, 1)[None], scale, [fixed_seed(hr, scale)])


def fixed_seed(hr: Tensor, scale: float) -> int:
    """The seed of the one draw for an image at a scale, 0 or more."""
    digest = hashlib.blake2b(hr.contiguous().numpy().tobytes(), digest_size=7, salt=f"{scale:.12g}".encode())
    return int.from_bytes(digest.digest(), "little")
