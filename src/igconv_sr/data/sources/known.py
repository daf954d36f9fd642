"""The data sets and benchmarks of the field: how their folders are called and how many images they hold."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Split = Literal["train", "valid", "test", "benchmark"]

_SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "val1": "valid",
    "test": "test",
    "benchmark": "benchmark",
    "benchmarks": "benchmark",
}


class KnownSet(NamedTuple):
    """A published data set.

    Attributes:
        title: Its usual name.
        counts: Images per split, as published.
        words: How it is called in names of folders, in small letters.
        usual_split: What its images are for, where the path does not say.
    """

    title: str
    counts: Mapping[Split, int]
    words: tuple[str, ...]
    usual_split: Split


def _benchmark(title: str, count: int, *further_words: str) -> KnownSet:
    return KnownSet(title, {"benchmark": count}, (title.lower(), *further_words), "benchmark")


DIV2K = KnownSet("DIV2K", {"train": 800, "valid": 100}, ("div2k",), "train")
FLICKR2K = KnownSet("Flickr2K", {"train": 2650}, ("flickr2k",), "train")
DF2K = KnownSet("DF2K", {"train": 3450}, ("df2k",), "train")
LSDIR = KnownSet("LSDIR", {"train": 84991, "valid": 250}, ("lsdir",), "train")
IMAGENET = KnownSet(
    "ImageNet", {"train": 1281167, "valid": 50000}, ("imagenet", "imagenet1k", "ilsvrc", "ilsvrc2012"), "train"
)
KNOWN_SETS = (
    DIV2K,
    FLICKR2K,
    DF2K,
    LSDIR,
    IMAGENET,
    _benchmark("Set5", 5),
    _benchmark("Set14", 14),
    _benchmark("B100", 100, "bsd100", "bsds100"),
    _benchmark("Urban100", 100),
    _benchmark("Manga109", 109),
    KnownSet("T91", {}, ("t91",), "train"),
    KnownSet("BSDS400", {}, ("bsds400",), "train"),
    KnownSet("SunHays80", {}, ("sunhays80",), "train"),
    KnownSet("General100", {}, ("general100",), "train"),
)
_BY_WORD = {word: known for known in KNOWN_SETS for word in known.words}


def known_set(parts: Iterable[str]) -> KnownSet | None:
    """The data set that a path names; the innermost folder decides.

    Example:
        >>> known_set(["DF2K", "DIV2K_train"]).title
        'DIV2K'
    """
    return next((_BY_WORD[word] for part in reversed(list(parts)) for word in _words(part) if word in _BY_WORD), None)


def split_of(parts: Iterable[str], known: KnownSet | None) -> Split | None:
    """What the images of a path are for; the innermost folder decides, then what is usual for the data set.

    Example:
        >>> split_of(["LSDIR", "val1"], None)
        'valid'
    """
    for part in reversed(list(parts)):
        inner = known_set([part])
        if inner is not None and inner.usual_split == "benchmark":
            return "benchmark"
        if split := next((_SPLITS[word] for word in _words(part) if word in _SPLITS), None):
            return split
    return known.usual_split if known is not None else None


def is_split(part: str) -> bool:
    """Whether a folder's name says nothing but the split."""
    return part.lower() in _SPLITS


def names_a_set(part: str) -> bool:
    """Whether a folder's name says which data set or split is below it."""
    return any(word in _BY_WORD or word in _SPLITS for word in _words(part))


def _words(part: str) -> list[str]:
    return re.split(r"[_\-. ]+", part.lower())
