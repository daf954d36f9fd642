"""Finds copies of a picture among many, without comparing all pairs."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from igconv_sr.data.check.fingerprint import Fingerprint, UInt8, UInt64, orientations, turned

Indices = npt.NDArray[np.int64]

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
