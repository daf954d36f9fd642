"""Finds copies of a picture among many, without comparing all pairs.

A perceptual hash is equal, or nearly so, for copies that are compressed, resized, flipped or turned.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

UInt8 = npt.NDArray[np.uint8]
UInt64 = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]

_SIDE, _KEPT = 32, 8
_COSINES = np.cos(np.pi / (2 * _SIDE) * np.outer(np.arange(_KEPT), 2 * np.arange(_SIDE) + 1))
_ODD_COLUMNS = np.arange(_KEPT) % 2 == 1

_MOST_BITS = 7
"""Copies that are recompressed at JPEG quality 30 or resized differ in 0 to 5 of the 63 signs (in 99 of 100 cases), the
nearest two of 688 different photographs in 12."""

_MOST_DIFFERENCE = 0.2
"""Mean difference of the thumbnails in units of their contrast (standard deviation). Such copies reach 0.18; among
5,208 cut-outs, where skies agree in their signs, different ones begin at 0.25."""

_FLAT = 2.0
"""Standard deviation of a thumbnail below which a picture is of one colour and has no fingerprint."""

_ROWS = 4096
_MANY = 100_000


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


def find_duplicates(
    prints: Sequence[Fingerprint], of_interest: Callable[[Indices, Indices], npt.NDArray[np.bool_]]
) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of the same picture in whatever orientation, size and compression.

    Args:
        prints: Of the pictures; those of one colour are left out.
        of_interest: Which of the pairs (i, j) count.
    """
    if not prints:
        return []
    thumbnails = np.stack([each.thumbnail for each in prints])
    bits = np.array([each.bits for each in prints], dtype=np.uint64)
    vivid = np.flatnonzero(thumbnails.reshape(len(prints), -1).std(axis=1) >= _FLAT)
    pairs: set[tuple[int, int]] = set()
    for first, second in _near(bits[vivid]):
        i, j = vivid[first], vivid[second]
        chosen = (i < j) & of_interest(i, j)
        pairs.update(zip(i[chosen].tolist(), j[chosen].tolist(), strict=True))
    return sorted(pair for pair in pairs if _look_alike(*thumbnails[list(pair)]))


def _near(bits: UInt64) -> Iterator[tuple[Indices, Indices]]:
    """Pairs whose hashes differ in few bits, in any orientation.

    Two hashes that differ in fewer places than there are bands agree in one band at least: only such pairs are
    compared. Six bands find every pair of up to 5 different bits; four, for very large sets, of up to 3; and most of
    those with more.
    """
    for band in np.array_split(np.arange(64), 6 if len(bits) <= _MANY else 4):
        mask = np.uint64(sum(1 << int(place) for place in band))
        keys = bits & mask
        order = np.argsort(keys, kind="stable")
        ascending = keys[order]
        for variant in turned(bits):
            for start in range(0, len(bits), _ROWS):
                rows = np.arange(start, min(start + _ROWS, len(bits)))
                low, high = (np.searchsorted(ascending, variant[rows] & mask, side) for side in ("left", "right"))
                counts = high - low
                first = np.repeat(rows, counts)
                offsets = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
                second = order[np.repeat(low, counts) + offsets]
                near = np.bitwise_count(variant[first] ^ bits[second]) <= _MOST_BITS
                yield first[near], second[near]


def _look_alike(one: UInt8, other: UInt8) -> bool:
    wanted, contrast = one.astype(np.float64), min(one.std(), other.std())
    nearest = min(float(np.abs(wanted - turned_other).mean()) for turned_other in orientations(other))
    return nearest <= _MOST_DIFFERENCE * float(contrast)


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
