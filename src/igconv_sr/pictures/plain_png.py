"""Plain PNG files, 8-bit RGB without anything that changes the picture, decoded several times faster than by Pillow."""

import struct
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt
from kornia_rs.io import decode_image_png_u8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HARMLESS = {b"IHDR", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"tIME"}
"""Chunks that leave pixels as they are. Transparency, animation and whatever may state an orientation are not."""

_MAY_ORIENT = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}


class PngHeader(NamedTuple):
    """What can be told without decoding.

    Attributes:
        height: Of the stored picture.
        width: Of the stored picture.
        plain: Whether it is 8-bit RGB, in one pass, with harmless chunks only.
        may_be_turned: Whether an orientation may be stated somewhere.
    """

    height: int
    width: int
    plain: bool
    may_be_turned: bool


def read_png_header(file: IO[bytes]) -> PngHeader | None:
    """Walks the chunks of a PNG file; None if it is no PNG file or not whole.

    Args:
        file: Read from its beginning; left anywhere.
    """
    if file.read(8) != _SIGNATURE:
        return None
    kinds: set[bytes] = set()
    header = b""
    while b"IEND" not in kinds:
        start = file.read(8)
        if len(start) < 8:
            return None
        length, kind = struct.unpack(">I4s", start)
        kinds.add(kind)
        if kind == b"IHDR" and length == 13:
            header = file.read(13)
            length = 0
        file.seek(length + 4, 1)
    if len(header) < 13:
        return None
    width, height, *form = struct.unpack(">IIBBBBB", header)
    plain = form == [8, 2, 0, 0, 0] and kinds <= _HARMLESS
    return PngHeader(height, width, plain, bool(kinds & _MAY_ORIENT))


def decode_plain_png(content: bytes, header: PngHeader) -> npt.NDArray[np.uint8] | None:
    """The pixels (H,W,3), or None where the decoder finds anything amiss: Pillow is then to say what.

    Args:
        content: The whole file.
        header: Of the file; must be plain.
    """
    try:
        pixels: npt.NDArray[np.uint8] = decode_image_png_u8(content, (header.height, header.width), "rgb")
    except Exception:  # whatever it is, Pillow decides
        return None
    return pixels if pixels.shape == (header.height, header.width, 3) else None
