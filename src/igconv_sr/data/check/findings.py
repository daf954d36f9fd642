"""What is wrong with data sets, and what to do about it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from igconv_sr.data.check.duplicates import Fingerprint, Indices, find_duplicates
from igconv_sr.data.sources.known import DIV2K, FLICKR2K, KnownSet, Split
from igconv_sr.data.sources.layouts import ImageSet
from igconv_sr.data.sources.selection import validation_images_among
from igconv_sr.pictures.decoding import NEARLY_BLACK

Sizes = Mapping[Path, tuple[int, int]]

_NUMBERS: tuple[tuple[KnownSet, Split, range], ...] = (
    (DIV2K, "train", range(1, 801)),
    (DIV2K, "valid", range(801, 901)),
    (FLICKR2K, "train", range(1, 2651)),
)
"""Sets whose files are numbered without a gap."""

_TRAINING = (None, "train")


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        what: It, in a sentence.
        examples: Files that it is about, or what is wrong with each.
        advice: What to do.
    """

    what: str
    examples: list[str]
    advice: str


def findings_of(found: ImageSet, faults: Sequence[str], sizes: Sizes, largest: Mapping[Path, int]) -> list[Finding]:
    """Everything but duplicates.

    Args:
        found: The set.
        faults: What is wrong with single files of it, a sentence each.
        sizes: Width and height of the files that could be read.
        largest: Their largest values, from 0 to 255.
    """
    every = (
        *(_count(found), _unreadable(found, faults), _missing_lr(found), _stray_lr(found), _sizes(found, sizes)),
        _dark(found, largest),
    )
    return [finding for finding in every if finding is not None]


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
    return [_copied(sets[first], sets[second], some) for (first, second), some in sorted(pairs.items())]


def _title(found: ImageSet) -> str:
    """The set's name and split."""
    return found.name if found.split is None else f"{found.name} ({found.split})"


def _count(found: ImageSet) -> Finding | None:
    if among := validation_images_among(found):
        return Finding(
            f"{_title(found)} holds {found.originals} images, {len(among)} of them validation images of DIV2K: "
            "training on them spoils every number measured on DIV2K",
            [str(path) for path in among],
            "move 0801.png to 0900.png to a folder DIV2K_valid_HR beside it",
        )
    if not found.files or found.expected in (None, found.originals):
        return None
    numbers = next((each for known, split, each in _NUMBERS if (known, split) == (found.known, found.split)), range(0))
    there = {int(stem) for path in found.files if (stem := path.stem.partition("_s")[0]).isdigit()}
    missing = [str(number) for number in numbers if number not in there] if there else []
    more = found.originals > (found.expected or 0)
    return Finding(
        f"{_title(found)} holds {found.originals:,} images instead of {found.expected:,}",
        [_missing_numbers(missing)] if missing else [],
        "remove what does not belong to it" if more else "download or unpack it again: results will not compare",
    )


def _missing_numbers(missing: list[str]) -> str:
    more = len(missing) - 10
    return f"without number {', '.join(missing[:10])}{f' and {more:,} more' if more > 0 else ''}"


def _unreadable(found: ImageSet, faults: Sequence[str]) -> Finding | None:
    if not faults:
        return None
    return Finding(
        f"{_files(len(faults))} of {_title(found)} cannot be read",
        list(faults),
        "get these again or remove them: training and evaluation stop at the first",
    )


def _missing_lr(found: ImageSet) -> Finding | None:
    missing = [lr for pairs in found.lr_files.values() for lr in pairs.values() if not lr.exists()]
    if not missing:
        return None
    return Finding(
        f"{_files(len(missing))} of {_title(found)} {'is' if len(missing) == 1 else 'are'} missing",
        [str(path) for path in missing],
        "get these again, or remove the whole scale's folder to have LR images made",
    )


def _stray_lr(found: ImageSet) -> Finding | None:
    if not found.unpaired or (not found.files and found.split == "test"):
        return None  # DIV2K and others publish no HR files of their test images
    return Finding(
        f"{len(found.unpaired):,} LR file{'s' * (len(found.unpaired) > 1)} of {_title(found)} without an HR file",
        [str(path) for path in found.unpaired],
        "get the HR files, or remove these: they are not used",
    )


def _sizes(found: ImageSet, sizes: Sizes) -> Finding | None:
    wrong = []
    for scale, pairs in found.lr_files.items():
        for hr, lr in pairs.items():
            if hr not in sizes or lr not in sizes:
                continue
            width, height = (side // scale for side in sizes[hr])
            if sizes[lr] != (width, height):
                wrong.append(
                    f"{lr} has {sizes[lr][0]}×{sizes[lr][1]} pixels; {hr.name} with {sizes[hr][0]}×{sizes[hr][1]} "
                    f"needs {width}×{height} at ×{scale}"
                )
    if not wrong:
        return None
    return Finding(
        f"{_files(len(wrong))} of {_title(found)} with sizes that do not fit",
        wrong,
        "get the pairs again, or remove the scale's folder to have LR images made",
    )


def _dark(found: ImageSet, largest: Mapping[Path, int]) -> Finding | None:
    dark = [f"{path}: at most {value} of 255" for path, value in largest.items() if 0 < value < NEARLY_BLACK]
    if not dark:
        return None
    return Finding(
        f"{_files(len(dark))} of {_title(found)} use less than a quarter of the range of values",
        dark,
        "training drops the low byte of 16 bits: if these hold 12 bits, as scanners and cameras give, multiply by 16",
    )


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"


def _original(part: Path) -> str:
    return part.stem.rpartition("_s")[0]


def _copied(first: ImageSet, second: ImageSet, pairs: list[str]) -> Finding:
    pictures = f"{len(pairs):,} picture{'s' * (len(pairs) > 1)}"
    if first is second:
        return Finding(
            f"{pictures} in {_title(first)} twice",
            pairs,
            "remove one of each: it counts double" if first.split in _TRAINING else "remove what does not belong to it",
        )
    return Finding(
        f"{pictures} both in {_title(first)} and in {_title(second)}",
        pairs,
        f"remove from {first.folder}: who trains on a picture must not be measured on it",
    )
