"""Images decoded once into memory-mapped files, shared by all workers and ranks of a machine."""

import errno
import itertools
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from igconv_sr.data.images.cache_folder import digest_of, make_once
from igconv_sr.data.images.workers import progress, worker_pool
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import UInt8Image, read_rgb, read_size

SHARD_BYTES = 2 * 2**30
"""A file of pixels holds whole images and no more than this, unless it is a single image."""

_FORMAT = "store 2"
_INDEX = "index.json"
_FEW = 500
_MEMORY = 640 * 2**20
_BYTES_PER_PIXEL = 12
"""What the slowest way of reading takes: four of Pillow's picture, some for its copies, the file itself."""

Sizes = npt.NDArray[np.int64]
"""(N,2): heights and widths."""


class ImageSource(Protocol):
    """What crops are cut from: images by number, in any order, with their names and sizes known beforehand."""

    @property
    def names(self) -> Sequence[str]:
        """File names of the images."""

    @property
    def sizes(self) -> Sizes:
        """(N,2) heights and widths."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> UInt8Image:
        """(H,W,3) uint8."""


class Places(NamedTuple):
    """The places of each image's pixels: number of the shard, and first byte in it."""

    shards: list[int]
    offsets: list[int]


def places(sizes: Sizes, shard_bytes: int) -> Places:
    """Shares whole images out over shards, in order."""
    found, shard, end = Places([], []), 0, 0
    for length in (sizes.prod(axis=1) * 3).tolist():
        if end and end + length > shard_bytes:
            shard, end = shard + 1, 0
        found.shards.append(shard)
        found.offsets.append(end)
        end += length
    return found


class ImageStore:
    """Read access to a store: ``store[i]`` is image i as (H,W,3) uint8, without decoding.

    Args:
        folder: A folder written by :func:`build_store`.

    Attributes:
        names: File names of the images.
        sizes: (N,2) heights and widths.
    """

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / _INDEX).read_text())
        self.folder = folder
        self.names: list[str] = index["names"]
        self.sizes: Sizes = np.array(index["sizes"], dtype=np.int64).reshape(-1, 2)
        self._places = places(self.sizes, index["shard_bytes"])
        self._shards: dict[int, npt.NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> UInt8Image:
        shard, offset = self._places.shards[index], self._places.offsets[index]
        if shard not in self._shards:
            self._shards[shard] = np.memmap(self.folder / _shard_name(shard), dtype=np.uint8, mode="r")
        height, width = (int(value) for value in self.sizes[index])
        return self._shards[shard][offset : offset + height * width * 3].reshape(height, width, 3)

    def __getstate__(self) -> dict[str, Any]:
        """Workers map the files anew: pickling a memory map would copy every pixel."""
        return self.__dict__ | {"_shards": {}}


def _shard_name(shard: int) -> str:
    return f"pixels-{shard:05}.u8"


def store_folder(files: Sequence[Path], cache: Path) -> Path:
    """The folder of the store of these files: another folder as soon as a file is added, changed or removed."""
    return cache / "store" / digest_of(files, _FORMAT)


def build_store(files: Sequence[Path], cache: Path) -> ImageStore:
    """Decodes the files with all cores, unless that has been done already.

    Killed half-way, the next call continues behind the last whole shard and ends with the same bytes; until then
    there is no store.

    Args:
        files: Image files, in the order of the store.
        cache: Folder that holds all stores.

    Raises:
        InputError: If a file does not exist or cannot be decoded, or the disk is too small.
    """
    folder = store_folder(files, cache)
    make_once(folder, partial(_write, files))
    return ImageStore(folder)


def _write(files: Sequence[Path], folder: Path) -> None:
    for unfinished in folder.glob("*.partial"):
        unfinished.unlink()  # its space is free
    sizes = read_sizes(files)
    layout = places(sizes, SHARD_BYTES)
    done = {shard for shard in set(layout.shards) if (folder / _shard_name(shard)).exists()}
    todo = [image for image, shard in enumerate(layout.shards) if shard not in done]
    needed = int(sizes[todo].prod(axis=1).sum()) * 3
    if shutil.disk_usage(folder).free < needed:
        raise _no_space(folder, needed)
    largest = int(sizes.prod(axis=1).max(initial=1)) * _BYTES_PER_PIXEL
    try:
        with (
            worker_pool(max(1, _MEMORY // largest)) as pool,
            progress("Decoding images", len(files), len(files) - len(todo)) as bar,
        ):
            _decode_all(files, sizes, layout, todo, folder, pool, bar)
        index = {"names": [path.name for path in files], "sizes": sizes.ravel().tolist(), "shard_bytes": SHARD_BYTES}
        (folder / _INDEX).write_text(json.dumps(index))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space(folder, needed) from error
        raise


def read_sizes(files: Sequence[Path]) -> Sizes:
    """Heights and widths from the files' headers, with all cores."""
    with worker_pool() as pool, progress("Reading sizes", len(files)) as bar:
        found = []
        # Starting processes takes as long as some hundred headers; they start with the first task.
        few = len(files) < _FEW
        for size in map(read_size, files) if few else pool.map(read_size, files, chunksize=32):
            found.append(size)
            bar.update()
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _decode_all(
    files: Sequence[Path],
    sizes: Sizes,
    layout: Places,
    todo: Sequence[int],
    folder: Path,
    pool: ProcessPoolExecutor,
    bar: "tqdm[None]",
) -> None:
    """Hands out the images of two shards at a time, so that nobody waits at the end of one."""
    running: list[tuple[int, list[Future[None]]]] = []
    for shard, images in itertools.groupby(todo, key=lambda image: layout.shards[image]):
        own = [(i, (int(sizes[i][0]), int(sizes[i][1]))) for i in images]
        unfinished = folder / f"{_shard_name(shard)}.partial"
        _reserve(unfinished, sum(height * width * 3 for _, (height, width) in own))
        jobs = [pool.submit(_decode_into, files[i], size, unfinished, layout.offsets[i]) for i, size in own]
        running.append((shard, jobs))
        if len(running) > 1:
            _finish(*running.pop(0), folder, bar)
    for shard, jobs in running:
        _finish(shard, jobs, folder, bar)


def _reserve(path: Path, size: int) -> None:
    """Makes a file whose space is set aside: a full disk shows now, and writing takes a third of the time."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def _finish(shard: int, jobs: Sequence[Future[None]], folder: Path, bar: "tqdm[None]") -> None:
    for job in jobs:
        job.result()
        bar.update()
    path = folder / _shard_name(shard)
    path.with_name(f"{path.name}.partial").rename(path)


def _decode_into(path: Path, size: tuple[int, int], shard: Path, offset: int) -> None:
    image = read_rgb(path)
    if image.shape[:2] != size:
        raise InputError(f"{path} has changed while it was read, or its header states a wrong size; replace it")
    with shard.open("r+b") as file:
        file.seek(offset)
        file.write(np.ascontiguousarray(image).data)


def _no_space(folder: Path, needed: int) -> InputError:
    free = shutil.disk_usage(folder).free
    return InputError(
        f"the decoded images take {needed / 2**30:.2f} GiB, but {folder.parent} has {free / 2**30:.2f} GiB left; free "
        "some, or choose another disk with paths.cache_dir=…"
    )
