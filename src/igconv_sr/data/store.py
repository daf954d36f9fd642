"""Images decoded once into one memory-mapped file, shared by all workers and ranks of a machine."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from igconv_sr.data.images import UInt8Image, read_rgb
from igconv_sr.errors import InputError

_FORMAT = 1
_PIXELS, _INDEX = "pixels.u8", "index.json"


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
        self.sizes: npt.NDArray[np.int64] = np.array(index["sizes"], dtype=np.int64)
        areas = self.sizes.prod(axis=1) * 3
        self._offsets = np.concatenate(([0], areas.cumsum()))
        self._pixels: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> UInt8Image:
        if self._pixels is None:
            self._pixels = np.memmap(self.folder / _PIXELS, dtype=np.uint8, mode="r")
        height, width = self.sizes[index]
        pixels = self._pixels[self._offsets[index] : self._offsets[index + 1]]
        return pixels.reshape(height, width, 3)

    def __getstate__(self) -> dict[str, Any]:
        """Workers map the file anew: pickling a memory map would copy every pixel."""
        return self.__dict__ | {"_pixels": None}


def store_folder(files: Sequence[Path], cache: Path) -> Path:
    """Where the store of these files lies: another folder as soon as a file is added, changed or removed."""
    digest = hashlib.sha256(f"format {_FORMAT}\n".encode())
    for path in files:
        try:
            status = path.stat()
        except FileNotFoundError as error:
            raise InputError(f"{path} does not exist") from error
        digest.update(f"{path.resolve()}\t{status.st_size}\t{status.st_mtime_ns}\n".encode())
    return cache / "store" / digest.hexdigest()[:16]


def build_store(files: Sequence[Path], cache: Path) -> ImageStore:
    """Decodes the files unless that has been done already; killing it half-way leaves no store.

    Args:
        files: Image files, in the order of the store.
        cache: Folder that holds all stores.

    Raises:
        InputError: If a file does not exist or cannot be decoded.
    """
    folder = store_folder(files, cache)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.partial-", dir=folder.parent) as temporary:
            partial = Path(temporary) / "store"
            partial.mkdir()
            _write(files, partial)
            _publish(partial, folder)
    return ImageStore(folder)


def _write(files: Sequence[Path], folder: Path) -> None:
    sizes = []
    # Pillow decodes outside Python's lock; the chunks bound the memory to a few images per core.
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool, (folder / _PIXELS).open("wb") as pixels:
        for start in range(0, len(files), threads):
            for image in pool.map(read_rgb, files[start : start + threads]):
                sizes.append(image.shape[:2])
                pixels.write(np.ascontiguousarray(image).data)
    index = {"names": [path.name for path in files], "sizes": sizes}
    (folder / _INDEX).write_text(json.dumps(index))


def _publish(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        # Another process has just published the same store: its bytes are equal.
        if not folder.is_dir():
            raise
