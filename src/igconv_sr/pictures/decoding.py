"""Reading image files: whatever the format, the result is 8-bit RGB, by one rule.

- Gray (1, 2, 4, 8 or 16 bit, with or without alpha) becomes three equal channels; palettes are looked up.
- Alpha is dropped; the colours below it stay.
- 16-bit values keep their high byte; gray with 0 for white or of 12 bits is refused. So are floating-point and 32-bit
  values, which have no stated range.
- CMYK is inks on white, without colour profile; JPEGs are taken as Adobe writes them, with inverted inks.
- The EXIF orientation is applied; colour profiles and gamma are not.
- Of a file with several pictures (animated PNG or WebP, pages of a TIFF) the first is taken, the one that a viewer
  without animation shows.
- The content says what a file is, not its suffix.
- Files that are empty, cut short, damaged or no images are refused, and so are pictures of more than 178,956,970
  pixels, twice ``PIL.Image.MAX_IMAGE_PIXELS``: cut them into parts.

Plain 8-bit RGB PNG files are decoded by kornia-rs, three to four times faster than by Pillow, which reads all others.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base as ExifTag
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from igconv_sr.errors import InputError
from igconv_sr.pictures.png import PngHeader, decode_plain_png, read_png_header

NEARLY_BLACK = 64
"""Of 255 values: where the largest of an image is below, a file of 16 bits may have held fewer."""

_LYING = (5, 6, 7, 8)
"""EXIF orientations of pictures that are stored lying on their side."""

UInt8Image = npt.NDArray[np.uint8]
"""(H,W,3), RGB."""


def read_rgb(path: Path) -> UInt8Image:
    """Reads an image file as 8-bit RGB (H,W,3).

    Raises:
        InputError: If the file is missing or refused by one of the rules above.
    """
    return read_rgb_and_gray(path)[0]


def read_rgb_and_gray(path: Path) -> tuple[UInt8Image, bool]:
    """As :func:`read_rgb`, and whether the file holds a single gray channel."""
    with explaining(path), path.open("rb") as file:
        return _decode(file)


def decode_rgb(content: bytes, name: str) -> UInt8Image:
    """As :func:`read_rgb`, of an image file's bytes.

    Args:
        content: The whole file.
        name: What an error calls it.
    """
    with explaining(name):
        return _decode(io.BytesIO(content))[0]


def read_size(path: Path) -> tuple[int, int]:
    """Height and width of what :func:`read_rgb` gives, from the file's header.

    Raises:
        InputError: If the file is missing, no image, or too large. Damage behind the header is not noticed.
    """
    with explaining(path), path.open("rb") as file:
        return _size(file)


def size_of(file: IO[bytes], name: str) -> tuple[int, int]:
    """As :func:`read_size`, of an open file.

    Args:
        file: At its beginning; left anywhere.
        name: What an error calls it.
    """
    with explaining(name):
        return _size(file)


def _size(file: IO[bytes]) -> tuple[int, int]:
    header = read_png_header(file)
    if header is not None and not header.may_be_turned:
        _check_size(header)
        return header.height, header.width
    file.seek(0)
    with Image.open(file) as image:
        width, height = image.size
        # Pillow turns TIFF files by itself and states the size thereafter.
        lying = image.format != "TIFF" and image.getexif().get(ExifTag.Orientation) in _LYING
        return (width, height) if lying else (height, width)


def _decode(file: IO[bytes]) -> tuple[UInt8Image, bool]:
    header = read_png_header(file)
    file.seek(0)
    if header is not None and header.plain:
        _check_size(header)
        pixels = decode_plain_png(file.read(), header)
        if pixels is not None:
            return pixels, False
        file.seek(0)
    with Image.open(file) as image:
        gray16 = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
        mode = image.mode
        if mode in ("F", "I") and not gray16:
            kind = "floating-point" if mode == "F" else "32-bit or signed"
            raise InputError(f"holds {kind} values; save it with 8 or 16 bits per channel, unsigned")
        refuse_misread_gray(image)
        turn_upright(image)
        if gray16:
            gray = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(gray[..., None], 3, axis=2), True
        # Without the step over RGBA, Pillow warns of transparent palettes.
        upright = image.convert("RGBA") if "transparency" in image.info else image
        return np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB")), mode in ("1", "L", "LA")


def turn_upright(image: Image.Image) -> None:
    """Applies the EXIF orientation."""
    image.load()
    image.getexif()
    for block in ("exif", "Raw profile type exif"):
        # Known by now. Pillow would write it anew, which fails where a tag has a value of another kind than it should.
        image.info.pop(block, None)
    ImageOps.exif_transpose(image, in_place=True)


def refuse_misread_gray(image: Image.Image) -> None:
    """Refuses a TIFF file of gray that Pillow reads as 16 bits, but not from 0 for black to 65535 for white.

    Raises:
        InputError: If it has 0 for white, or 12 bits.
    """
    if not (image.mode.startswith("I;16") and isinstance(image, TiffImageFile)):
        return
    if image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:
        raise InputError("holds 16-bit gray with 0 for white; save it with 0 for black")
    if image.tag_v2.get(BITSPERSAMPLE) == (12,):
        raise InputError("holds gray of 12 bits; save it with 8 or 16")


def _check_size(header: PngHeader) -> None:
    if Image.MAX_IMAGE_PIXELS is not None and header.height * header.width > 2 * Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError(f"{header.width}×{header.height} pixels")


@contextlib.contextmanager
def explaining(name: str | Path) -> Iterator[None]:
    """Turns what reading an image may raise into an :class:`InputError` that names the file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name} {error}") from error
    except FileNotFoundError as error:
        raise InputError(f"{name} does not exist") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not an image, or of an unknown format; remove or replace it") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} is too large to be read safely ({error}); cut it into parts") from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise InputError(f"{name} cannot be decoded ({error}); remove or replace it") from error
