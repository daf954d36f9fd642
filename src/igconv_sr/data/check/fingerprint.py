"""A perceptual hash: equal, or nearly so, for copies of a picture that are compressed, resized, flipped or turned."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

UInt8 = npt.NDArray[np.uint8]
UInt64 = npt.NDArray[np.uint64]

_SIDE, _KEPT = 32, 8
_COSINES = np.cos(np.pi / (2 * _SIDE) * np.outer(np.arange(_KEPT), 2 * np.arange(_SIDE) + 1))
_ODD_COLUMNS = np.arange(_KEPT) % 2 == 1


class Fingerprint(NamedTuple):
    """What is remembered of a picture.

    Attributes:
        bits: The signs of its lowest 8 × 8 frequencies; 64 bits.
        thumbnail: (16,16) luma.
    """

    bits: int
    thumbnail: UInt8


def fingerprint(pixels: UInt8) -> Fingerprint:
    """The fingerprint of an image (H,W,3).

    The signs of the discrete cosine transform of the picture reduced to 32 × 32 depend neither on size nor on
    contrast, and a flip or a turn of the picture merely inverts or exchanges some of them.
    """
    luma = Image.fromarray(pixels).convert("L")
    reduced = np.asarray(luma.resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float64)
    frequencies = _COSINES @ reduced @ _COSINES.T
    frequencies[0, 0] = 0  # brightness
    (bits,) = np.packbits(frequencies > 0).view(">u8")
    thumbnail = reduced.reshape(_SIDE // 2, 2, _SIDE // 2, 2).mean(axis=(1, 3)).round().astype(np.uint8)
    return Fingerprint(int(bits), thumbnail)


def turned(bits: UInt64) -> Iterator[UInt64]:
    """The hashes (N,) of the pictures in all eight orientations, the given one first."""
    signs = np.unpackbits(bits.astype(">u8").view(np.uint8)).reshape(-1, _KEPT, _KEPT).astype(bool)
    brightness = np.zeros((_KEPT, _KEPT), dtype=bool)
    brightness[0, 0] = True
    for transposed in (signs, signs.swapaxes(1, 2)):
        for flips in (False, _ODD_COLUMNS, _ODD_COLUMNS[:, None], _ODD_COLUMNS ^ _ODD_COLUMNS[:, None]):
            yield np.packbits((transposed ^ flips) & ~brightness, axis=None).view(">u8").astype(np.uint64)


def orientations(thumbnail: UInt8) -> Iterator[UInt8]:
    """The eight orientations of a square picture (S,S)."""
    for start in (thumbnail, thumbnail.T):
        yield from (start, start[:, ::-1], start[::-1], start[::-1, ::-1])
