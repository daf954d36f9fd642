"""Writing an enlarged picture: PNG row by row, JPEG and WebP once all rows are there."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from igconv_sr.errors import InputError
from igconv_sr.pictures.png import LARGEST_SIDE, Pixels, PngWriter
from igconv_sr.pictures.reading import Picture

_LARGEST = {"png": LARGEST_SIDE, "jpg": 65500, "webp": 16383}
"""Pixels of a side."""

_LARGEST_EXIF = 65527
"""Bytes of an EXIF block in JPEG."""

_ON_DISK = 256 * 2**20
"""Bytes; a larger picture lies in a temporary file beside its output until it is complete."""

_SAVED_AS: dict[str, dict[str, Any]] = {
    "jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "webp": {"format": "WEBP", "quality": 95},
}
"""As Pillow is told."""


class Writer(Protocol):
    """Takes a picture from top to bottom."""

    def write(self, rows: Pixels) -> None:
        """Adds (h,W,C)."""

    def close(self) -> None:
        """Ends the picture."""


def check_format(form: str, size: tuple[int, int], picture: Picture) -> None:
    """Refuses what a format cannot hold, before anything is computed.

    Args:
        form: One of :data:`igconv_sr.upscale.planning.FORMATS`.
        size: Height and width of the result.
        picture: What is to be enlarged.

    Raises:
        InputError: If there is such a thing.
    """
    pixels, exif = picture.pixels, picture.exif
    if max(size) > _LARGEST[form]:
        raise InputError(f"would have {size[1]}×{size[0]} pixels, and {form} holds {_LARGEST[form]} at most; use png")
    if form != "png" and pixels.dtype != np.uint8:
        raise InputError(f"has 16 bits per channel, and {form} holds 8; use --format png")
    if form == "jpg" and pixels.shape[2] in (2, 4) and (pixels[..., -1] < 255).any():
        raise InputError("has transparent parts, and jpg holds none; use --format png or webp")
    if form == "jpg" and exif and len(exif) > _LARGEST_EXIF:
        raise InputError(f"has {len(exif)} bytes of EXIF, and jpg holds {_LARGEST_EXIF}; use --format png or webp")
    if form == "webp" and picture.icc_profile is not None and picture.icc_profile[16:20] == b"GRAY":
        raise InputError("has a colour profile for gray, and webp holds RGB alone; use --format png or jpg")


def open_writer(
    file: IO[bytes],
    form: str,
    size: tuple[int, int],
    pixels: Pixels,
    icc_profile: bytes | None,
    exif: bytes | None,
    folder: Path,
) -> Writer:
    """What writes a picture of the kind of ``pixels`` into an open file."""
    channels = pixels.shape[2]
    if form == "png":
        return PngWriter(file, size, channels, 8 * pixels.itemsize, icc_profile, exif)
    options = _SAVED_AS[form] | {"icc_profile": icc_profile} | ({"exif": b"Exif\0\0" + exif} if exif else {})
    return _Canvas((*size, channels), folder, file, options)


class _Canvas:
    """A picture of 8 bits that Pillow saves when it is complete.

    Args:
        shape: H, W and C.
        folder: Where a large one lies meanwhile.
        file: Open for writing.
        options: Format and what else Pillow is told.
    """

    def __init__(self, shape: tuple[int, int, int], folder: Path, file: IO[bytes], options: Mapping[str, Any]) -> None:
        self._pixels, self._row = blank(shape, np.dtype(np.uint8), folder), 0
        self._file, self._options = file, options

    def write(self, rows: Pixels) -> None:
        self._pixels[self._row : self._row + rows.shape[0]] = rows
        self._row += rows.shape[0]

    def close(self) -> None:
        image = Image.fromarray(self._pixels[..., 0] if self._pixels.shape[2] == 1 else self._pixels)
        if self._options["format"] == "JPEG" and image.mode in ("LA", "RGBA"):
            image = image.convert(image.mode[:-1])  # opaque throughout, as was checked
        image.save(self._file, **self._options)


def blank(shape: tuple[int, int, int], dtype: np.dtype[np.generic], folder: Path) -> npt.NDArray[np.generic]:
    """An array, in a nameless file of the folder if it is large."""
    if np.prod(shape) * dtype.itemsize <= _ON_DISK:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """(H,W,C) brought to another height and width by bicubic interpolation, antialiased, channel by channel."""
    height, width = size
    result = np.empty((height, width, pixels.shape[2]), pixels.dtype)
    whole = np.issubdtype(pixels.dtype, np.integer)
    for channel in range(pixels.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(pixels[..., channel], np.float32))
        values = np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC))
        result[..., channel] = np.clip(values + 0.5 if whole else values, 0, np.iinfo(pixels.dtype).max if whole else 1)
    return result
