"""Image files below a folder, in the order of their paths; made for trees of a million files."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from igconv_sr.errors import InputError
from igconv_sr.pictures import IMAGE_SUFFIXES
from igconv_sr.system.left_out import Kind, Tell


def no_matter(kind: Kind, name: str) -> None:
    """What is left out is not asked for."""


SHARD_SUFFIX = ".tar"
LIST_NAME = "shards.txt"
"""Name of the file that lists the shards beside it, a line each, as a folder cannot be listed over HTTP."""


class Neighbours(NamedTuple):
    """Neighbouring image files of one folder; a folder between two files ends a run.

    Attributes:
        folder: The folder that holds them.
        parts: Its path below the folder that the walk began at.
        names: Sorted.
    """

    folder: str
    parts: tuple[str, ...]
    names: list[str]

    def paths(self) -> list[Path]:
        """The files."""
        folder = Path(self.folder)
        return [folder / name for name in self.names]


def walk(
    root: Path, enter: Callable[[tuple[str, ...]], bool] = lambda _: True, left_out: Tell = no_matter
) -> Iterator[Neighbours]:
    """All image files below a folder, hidden files and folders left out.

    A file is told from a folder by what the folder's listing says, so that nothing is asked about each file. Links
    are followed, unless they lead back to a folder above; one that leads nowhere is listed, for reading it to fail.

    Args:
        root: Where to begin.
        enter: Whether to look into a folder, by its path below ``root``.
        left_out: Is told of all that is left out, by its path below ``root``.

    Yields:
        Runs in the order of ``sorted(paths)``.

    Raises:
        InputError: If ``root`` is not a folder, or a name is not UTF-8, as all that a run writes is.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; give a folder of images")
    _check_name(str(root.absolute()))
    yield from _walk(str(root), (), (os.path.realpath(root),), enter, left_out)


def _walk(
    folder: str,
    parts: tuple[str, ...],
    above: tuple[str, ...],
    enter: Callable[[tuple[str, ...]], bool],
    left_out: Tell,
) -> Iterator[Neighbours]:
    names: list[str] = []
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            left_out(Kind.HIDDEN, "/".join((*parts, entry.name)))
            continue
        if not entry.is_dir():
            if entry.name.lower().endswith(IMAGE_SUFFIXES):
                _check_name(entry.path)
                names.append(entry.name)
            else:
                left_out(Kind.OTHER, "/".join((*parts, entry.name)))
            continue
        if not enter((*parts, entry.name)):
            continue
        _check_name(entry.path)
        real = os.path.realpath(entry.path) if entry.is_symlink() else f"{above[-1]}{os.sep}{entry.name}"
        if real in above:
            left_out(Kind.CIRCLE, "/".join((*parts, entry.name)))
            continue
        if names:
            yield Neighbours(folder, parts, names)
            names = []
        yield from _walk(entry.path, (*parts, entry.name), (*above, real), enter, left_out)
    if names:
        yield Neighbours(folder, parts, names)


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: the name is not UTF-8; rename it (convmv does so for whole folders)") from error


def list_images(folder: Path, left_out: Tell = no_matter) -> list[Path]:
    """All image files below a folder, hidden ones left out, sorted by path.

    Args:
        folder: The folder.
        left_out: Is told of all that is left out.

    Raises:
        InputError: If the folder does not exist or holds no image.
    """
    files = [path for run in walk(folder, left_out=left_out) for path in run.paths()]
    if not files:
        raise InputError(f"no image ({', '.join(s[1:] for s in IMAGE_SUFFIXES)}) in {folder}")
    return files


def is_shard(name: str) -> bool:
    """Whether a file of this name is a shard, many images in one tar file."""
    return name.lower().endswith(SHARD_SUFFIX)


def list_shards(folder: Path) -> list[Path]:
    """The shards directly in a folder, hidden ones left out, sorted by name."""
    return sorted(path for path in folder.glob(f"*{SHARD_SUFFIX}") if not path.name.startswith("."))
