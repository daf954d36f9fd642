"""Unpacking archives nobody vouches for: only images, only below the folders they belong to.

Python's own filters for tar have had ways around them, so nothing of theirs is relied on: a member is a stream of bytes
that is written to a path made here. Links are never made.
"""

import bz2
import calendar
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from igconv_sr.errors import InputError
from igconv_sr.pictures import IMAGE_SUFFIXES

LARGEST_GAIN = 10
"""Images hardly shrink in an archive: one that unpacks to more than so many times its size is no set of images."""

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
    OSError,
)
_COMPRESSIONS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


class Unpacking:
    """What has been decided about one archive: where its members go, and how much there may be.

    Args:
        archive: The file.
        folders: Folder to fill -> folder within the archive, at any depth; "" stands for the whole archive.
        into: Where the folders are made.
    """

    def __init__(self, archive: Path, folders: Mapping[str, str], into: Path) -> None:
        self.archive, self.into = archive, into
        self.folders = {folder: PurePosixPath(inside).parts for folder, inside in folders.items()}
        self.left = LARGEST_GAIN * archive.stat().st_size
        self.taken: set[Path] = set()

    def place(self, name: str, size: int) -> Path | None:
        """The place of a member below the root; None if it is none of the images, or hidden.

        Raises:
            InputError: If its path leads out of the folder, there are two of it, or the archive unpacks to too much.
        """
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or (parts and (parts[0].startswith("/") or parts[0].endswith(":"))):
            raise self.refusal(f"holds {name!r}, a path that leads out of its folder")
        below = self._below(parts)
        if below is None or not below.name.lower().endswith(IMAGE_SUFFIXES) or below.name.startswith("."):
            return None
        path = self.into / below
        if path in self.taken:
            raise self.refusal(f"holds {str(below)!r} twice")
        self.taken.add(path)
        self.left -= size
        if self.left < 0:
            raise self.refusal(f"unpacks to more than {LARGEST_GAIN} times its size")
        return path

    def _below(self, parts: tuple[str, ...]) -> PurePosixPath | None:
        for folder, inside in self.folders.items():
            for start in range(len(parts) - len(inside)):
                if parts[start : start + len(inside)] == inside:
                    return PurePosixPath(folder, *parts[start + len(inside) :])
        return None

    def refusal(self, what: str) -> InputError:
        """The error of an archive that is not unpacked."""
        return InputError(f"{self.archive} {what}: nothing of it is kept; get the archive from its publisher")


def unpack(archive: Path, folders: Mapping[str, str], into: Path) -> None:
    """Unpacks the images of a zip or tar archive, of whatever compression, with the dates they have in it.

    Args:
        archive: The file.
        folders: Folder to fill, below ``into`` -> folder within the archive, at any depth; "" is the whole archive.
        into: An empty or new folder; if this raises, the caller removes it.

    Raises:
        InputError: If the archive is damaged, of another kind, holds links or paths that lead out of it, or unpacks to
            far more than its size.
    """
    unpacking = Unpacking(archive, folders, into)
    try:
        if _head(archive).startswith(b"PK"):
            _unpack_zip(unpacking)
        else:
            _unpack_tar(unpacking)
    except InputError:
        raise
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise InputError(
            f"{archive} is damaged, or neither zip nor tar ({error or type(error).__name__}); get it again"
        ) from error


def _unpack_zip(unpacking: Unpacking) -> None:
    threads = ThreadPoolExecutor(os.cpu_count() or 1)
    # Given an open file: one of its own it would close once no member is open, and it counts them without a lock.
    with unpacking.archive.open("rb") as file, zipfile.ZipFile(file) as archive, threads as pool:
        placed = list(_zip_members(unpacking, archive))

        def write(member: tuple[zipfile.ZipInfo, Path]) -> None:
            info, path = member
            with archive.open(info) as source:
                _write(source, path, _zip_time(info))

        for _ in pool.map(write, placed):
            pass


def _zip_members(unpacking: Unpacking, archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, Path]]:
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise unpacking.refusal(f"holds {info.filename!r}, a link or device")
        path = unpacking.place(info.filename, info.file_size)
        if path is not None and not info.is_dir():
            yield info, path


def _unpack_tar(unpacking: Unpacking) -> None:
    # As a stream, in one pass. tarfile's own decompression would leave out the check sum at the end of gzip.
    with _decompressed(unpacking.archive) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if not (member.isfile() or member.isdir()):
                raise unpacking.refusal(f"holds {member.name!r}, a link or device")
            path = unpacking.place(member.name, member.size)
            if path is not None and member.isfile():
                source = archive.extractfile(member)
                assert source is not None
                _write(source, path, int(member.mtime))
        while stream.read(1 << 20):
            pass


def _decompressed(path: Path) -> IO[bytes]:
    head = _head(path)
    for magic, opener in _COMPRESSIONS.items():
        if head.startswith(magic):
            return cast(IO[bytes], opener(path, "rb"))
    return path.open("rb")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(6)


def _write(source: IO[bytes], path: Path, modified: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    # The store knows an image by its date too: unpacking again must not make it look changed.
    os.utime(path, (modified, modified))


def _zip_time(info: zipfile.ZipInfo) -> int:
    try:
        return calendar.timegm(info.date_time)
    except ValueError:  # no date was stored
        return 0
