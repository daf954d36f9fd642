"""Image files kept as they are and decoded crop by crop: for sets too large to be kept decoded.

ImageNet takes 140 GB as JPEGs and over 600 GB decoded. Any image can be read at any time, from loose files as from
uncompressed tar files ("shards", the layout of WebDataset) on this machine or behind an address, so that a training
draws by (seed, step, row) alone here too. An index of where each image lies and how large it is is made once and kept
in the cache.
"""

import os
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from igconv_sr.data.images.cache_folder import digest_of, make_once
from igconv_sr.data.images.workers import progress, worker_pool
from igconv_sr.data.sources.remote import RemoteFile
from igconv_sr.data.sources.walk import is_shard
from igconv_sr.errors import InputError
from igconv_sr.pictures import IMAGE_SUFFIXES
from igconv_sr.pictures.decoding import UInt8Image, decode_rgb, read_size, size_of

_FORMAT = "encoded 1"
_CHUNK = 256


class EncodedStore:
    """As :class:`igconv_sr.data.images.store.ImageStore`, but ``store[i]`` decodes image i.

    Args:
        files: The image files or shards.
        folder: The index, written by :func:`index_images`.

    Attributes:
        names: File names of the images.
        sizes: (N,2) heights and widths.
    """

    def __init__(self, files: Sequence[Path | RemoteFile], folder: Path) -> None:
        self.files, self.folder = list(files), folder
        self._map()

    def _map(self) -> None:
        index = {key: np.asarray(np.load(self.folder / f"{key}.npy", mmap_mode="r")) for key in _Entries._fields}
        self.sizes: npt.NDArray[np.int64] = index["sizes"]
        self._file, self._offset, self._length = index["file"], index["offset"], index["length"]
        self.names = Names(index["text"], index["ends"])

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> UInt8Image:
        """Reads and decodes one image.

        Raises:
            InputError: If it cannot be decoded, or has gone.
        """
        path, name = self.files[self._file[index]], self.names[index]
        where = str(path) if path.name == name else f"{path}: {name}"
        pixels = decode_rgb(_read(path, int(self._offset[index]), int(self._length[index])), where)
        if pixels.shape[:2] != tuple(self.sizes[index]):
            raise InputError(f"{where} has changed since the training began, or states a wrong size; replace it")
        return pixels

    def __getstate__(self) -> tuple[list[Path | RemoteFile], Path]:
        """Workers map the index anew."""
        return self.files, self.folder

    def __setstate__(self, state: tuple[list[Path | RemoteFile], Path]) -> None:
        self.files, self.folder = state
        self._map()


def _read(path: Path | RemoteFile, offset: int, length: int) -> bytes:
    if isinstance(path, RemoteFile):
        return path.read(offset, length)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist any more; put it back") from error


class Names(Sequence[str]):
    """A million names without a million objects.

    Args:
        text: All names in UTF-8, one after the other.
        ends: Where each ends.
    """

    def __init__(self, text: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> None:
        self._text, self._ends = text, ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        start = self._ends[position - 1] if position else 0
        return self._text[start : self._ends[position]].tobytes().decode()


class _Entries(NamedTuple):
    """N images: the file each lies in (its number), where in it and how long, its size, and the names."""

    file: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    text: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]


def index_images(files: Sequence[Path | RemoteFile], cache: Path) -> EncodedStore:
    """Finds and measures the images with all cores, unless that has been done already.

    Args:
        files: Image files and ``.tar`` shards of such, in the order of the store.
        cache: Folder that holds all indexes.

    Raises:
        InputError: If a file is missing, no image, or no uncompressed tar file; or if a shard holds no image.
    """
    folder = cache / "index" / digest_of(files, _FORMAT)
    make_once(folder, partial(_write, files))
    return EncodedStore(files, folder)


def _write(files: Sequence[Path | RemoteFile], folder: Path) -> None:
    parts = []
    with worker_pool() as pool, progress("Reading sizes", len(files)) as bar:
        for part in pool.map(_measure, *zip(*_chunks(files), strict=True)):
            parts.append(part)
            bar.update(int(part.file[-1]) + 1 - bar.n)
    lengths = np.cumsum([0, *(part.text.size for part in parts[:-1])])
    parts = [part._replace(ends=part.ends + start) for part, start in zip(parts, lengths, strict=True)]
    for key, arrays in zip(_Entries._fields, zip(*parts, strict=True), strict=True):
        np.save(folder / f"{key}.npy", np.concatenate(arrays))


def _chunks(files: Sequence[Path | RemoteFile]) -> Iterator[tuple[int, Sequence[Path | RemoteFile]]]:
    """Many loose files at a time or one shard: with the number of the first."""
    step = 1 if any(is_shard(path.name) for path in files) else _CHUNK
    for first in range(0, len(files), step):
        yield first, files[first : first + step]


def _measure(first: int, files: Sequence[Path | RemoteFile]) -> _Entries:
    rows, names = [], []
    for number, path in enumerate(files, first):
        if isinstance(path, RemoteFile) or is_shard(path.name):
            for name, offset, length, size in _members(path):
                rows.append((number, offset, length, *size))
                names.append(name.encode())
        else:
            rows.append((number, 0, path.stat().st_size, *read_size(path)))
            names.append(path.name.encode())
    table = np.array(rows, dtype=np.int64)
    text = np.frombuffer(b"".join(names), dtype=np.uint8)
    ends = np.cumsum([len(name) for name in names], dtype=np.int64)
    return _Entries(table[:, 0], table[:, 1], table[:, 2], table[:, 3:], text, ends)


_Member = tuple[str, int, int, tuple[int, int]]
"""An image in a shard: its path in there, first byte, length in bytes, height and width."""


def _members(path: Path | RemoteFile) -> list[_Member]:
    """The images of a shard, in its order; whatever else it holds (labels) is left out. Nothing is unpacked.

    Raises:
        InputError: If it is missing, no uncompressed tar file, cut short, or holds no image or a damaged one.
    """
    if isinstance(path, RemoteFile):
        return path.scan(lambda file: _members_of(file, path))
    try:
        with path.open("rb") as file:
            return _members_of(file, path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error


def _members_of(archive: IO[bytes], path: Path | RemoteFile) -> list[_Member]:
    found: list[_Member] = []
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            for entry in tar:
                if not entry.isreg() or Path(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
                    continue
                if entry.issparse():
                    raise InputError(f"{path}: {entry.name} is stored sparsely; write the shard anew")
                file = tar.extractfile(entry)
                assert file is not None
                found.append((entry.name, entry.offset_data, entry.size, size_of(file, f"{path}: {entry.name}")))
            end, size = tar.offset, archive.seek(0, os.SEEK_END)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{path} is not an uncompressed tar file, or damaged ({error}); replace it") from error
    if end >= size:  # the mark of the end is missing
        raise InputError(f"{path} is cut short; replace it")
    if not found:
        raise InputError(f"{path} holds no image; remove it")
    return found
