"""The same picture twice in a set, or in training and in validation or benchmark."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from igconv_sr.data.check.duplicates import Indices, find_duplicates
from igconv_sr.data.check.findings import Finding, title
from igconv_sr.data.check.fingerprint import Fingerprint
from igconv_sr.data.sources.layouts import ImageSet

_TRAINING = (None, "train")


def copies(sets: Sequence[ImageSet], prints: Sequence[Mapping[Path, Fingerprint]]) -> list[Finding]:
    """One finding per set or pair of sets that share pictures.

    Training sets may share pictures with each other, as DF2K does with DIV2K, and so may benchmarks.

    Args:
        sets: The sets.
        prints: Per set the fingerprints of its HR files.
    """
    files = [path for each in prints for path in each]
    owner = np.repeat(np.arange(len(sets)), [len(each) for each in prints])
    trained_on = np.array([each.split in _TRAINING for each in sets], dtype=bool)

    def of_interest(first: Indices, second: Indices) -> npt.NDArray[np.bool_]:
        one, other = owner[first], owner[second]
        return np.asarray((one == other) | (trained_on[one] != trained_on[other]))

    pairs: dict[tuple[int, int], list[str]] = defaultdict(list)
    for i, j in find_duplicates([each for some in prints for each in some.values()], of_interest):
        if sets[owner[i]].sub_images and owner[i] == owner[j] and _original(files[i]) == _original(files[j]):
            continue  # neighbouring parts of one image may well look alike
        first, second = sorted((i, j), key=lambda index: not trained_on[owner[index]])
        pairs[int(owner[first]), int(owner[second])].append(f"{files[first]} = {files[second]}")
    return [_finding(sets[first], sets[second], some) for (first, second), some in sorted(pairs.items())]


def _original(part: Path) -> str:
    return part.stem.rpartition("_s")[0]


def _finding(first: ImageSet, second: ImageSet, pairs: list[str]) -> Finding:
    pictures = f"{len(pairs):,} picture{'s' * (len(pairs) > 1)}"
    if first is second:
        return Finding(
            f"{pictures} in {title(first)} twice",
            pairs,
            "remove one of each: it counts double" if first.split in _TRAINING else "remove what does not belong to it",
        )
    return Finding(
        f"{pictures} both in {title(first)} and in {title(second)}",
        pairs,
        f"remove from {first.folder}: who trains on a picture must not be measured on it",
    )
