"""Which LR file belongs to which HR file: the rule is read off the names that a folder holds."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from igconv_sr.data.sources.walk import Neighbours

_RULES = ("{name}x{scale}", "{name}", "{name}_LRBI_x{scale}", "{name}_x{scale}", "{name}X{scale}", "{name}_LR_x{scale}")
"""Names of LR files as DIV2K, BasicSR and RCAN have them, and what else is seen."""

_HR_ENDING = re.compile(r"_HR(_x\d)?$")
_LR_ENDING = re.compile(r"[xX](\d)$")


def image_name(path: Path) -> str:
    """The image's name: that of its HR file, without the ``_HR_x2`` of RCAN's layout."""
    return _HR_ENDING.sub("", path.stem)


def scale_of_name(name: str) -> int | None:
    """The scale that an LR file's name ends in, for folders that hold several scales."""
    match = _LR_ENDING.search(Path(name).stem)
    return int(match[1]) if match else None


class HRFiles(NamedTuple):
    """HR files.

    Attributes:
        base: The folder below which all of them lie.
        paths: The files.
    """

    base: Path
    paths: tuple[Path, ...]


class LRFiles:
    """The LR files of one scale, by their folder below the LR folder and by their stem."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], Path] = {}
        self._folders: dict[str, Path] = {}
        self._suffixes: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._files)

    def add(self, run: Neighbours, rest: tuple[str, ...]) -> None:
        """Adds files.

        Args:
            run: The files.
            rest: Their folder below the LR folder.
        """
        folder = "/".join(rest)
        self._folders[folder] = Path(run.folder)
        for path in run.paths():
            self._files[folder, path.stem] = path
            self._suffixes[path.suffix] += 1

    def paths(self) -> list[Path]:
        """All files."""
        return list(self._files.values())

    def find(self, folder: str, stem: str) -> Path | None:
        """The file of this stem; a folder that holds all files is as good as one of the same name."""
        return self._files.get((folder, stem)) or self._files.get(("", stem))

    def expected(self, folder: str, stem: str) -> Path:
        """The place where a missing file should lie."""
        suffix = self._suffixes.most_common(1)[0][0]
        return self._folders.get(folder, next(iter(self._folders.values()))) / f"{stem}{suffix}"


class Pairing(NamedTuple):
    """HR files with their LR files.

    Attributes:
        files: HR file → LR file, which may be missing.
        unpaired: LR files without an HR file.
    """

    files: dict[Path, Path]
    unpaired: list[Path]


def pair(hr: HRFiles, lr: LRFiles, scale: int) -> Pairing:
    """Pairs by the rule that fits most files.

    Args:
        hr: HR files.
        lr: At least one LR file.
        scale: Their scale.
    """
    start = len(str(hr.base)) + 1
    folders = [str(path.parent)[start:] for path in hr.paths]

    def stem(path: Path, rule: str) -> str:
        return rule.format(name=image_name(path), scale=scale)

    def fitting(rule: str) -> int:
        found = (lr.find(folder, stem(path, rule)) for path, folder in zip(hr.paths, folders, strict=True))
        return sum(path is not None for path in found)

    rule = max(_RULES, key=fitting)
    if not fitting(rule):
        # No pair at all: a file of the folder shows how it names them.
        rule = _RULES[0] if scale_of_name(lr.paths()[0].name) == scale else "{name}"
    files = {}
    for path, folder in zip(hr.paths, folders, strict=True):
        wanted = stem(path, rule)
        files[path] = lr.find(folder, wanted) or lr.expected(folder, wanted)
    used = set(files.values())
    return Pairing(files, [path for path in lr.paths() if path not in used])
