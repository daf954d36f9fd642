"""PNG files where Pillow is slow or lacks something.

- Plain ones, 8-bit RGB without anything that changes the picture, are decoded several times faster.
- Those of 16-bit gray with alpha no reader at hand decodes without reducing them.
- They are written row by row: in bounded memory, with 16 bits and profile, which Pillow does not offer together.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt
from kornia_rs.io import decode_image_png_u8
from PIL import Image

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H,W,C); C: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_HARMLESS = {b"IHDR", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"tIME"}
"""Chunks that leave pixels as they are. Transparency, animation and whatever may state an orientation are not."""

_MAY_ORIENT = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}

_RGBA_OF_8_BITS = bytes((8, 6))

_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}

_SUB = 1
"""The filter that stores differences to the pixel on the left."""

_LEVEL = 1
"""Level of compression: with photographs 3 % more bytes than level 4, in half the time."""

_ROWS = 256
"""Rows that are filtered at a time."""

LARGEST_SIDE = 2**31 - 1
"""Pixels."""


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


def gray_and_alpha(path: Path) -> npt.NDArray[np.uint16]:
    """The pixels (H,W,2).

    Byte for byte such a file holds what one of 8-bit RGBA does, filters and passes included: with another header Pillow
    reads the high and the low byte of gray, then those of alpha.

    Args:
        path: Of such a file.

    Raises:
        OSError: If it is damaged, and what else Pillow raises then.
    """
    content = path.read_bytes()
    parts, start = [_SIGNATURE], len(_SIGNATURE)
    while start + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[start : start + 8])
        chunk = content[start : start + 12 + length]
        if kind == b"IHDR":
            header = kind + chunk[8:16] + _RGBA_OF_8_BITS + chunk[18 : 8 + length]
            chunk = struct.pack(">I", length) + header + struct.pack(">I", zlib.crc32(header))
        if kind in (b"IHDR", b"IDAT", b"IEND"):
            parts.append(chunk)
        start += 12 + length
    with Image.open(io.BytesIO(b"".join(parts)), formats=("PNG",)) as image:
        return np.array(image).view(">u2").astype(np.uint16)


class PngWriter:
    """Writes a picture from top to bottom.

    Args:
        file: Open for writing.
        size: Height and width.
        channels: C.
        bits: 8 or 16.
        icc_profile: Colour profile, or None.
        exif: An EXIF block, without its JPEG header, or None.
    """

    def __init__(
        self,
        file: IO[bytes],
        size: tuple[int, int],
        channels: int,
        bits: int,
        icc_profile: bytes | None = None,
        exif: bytes | None = None,
    ) -> None:
        self._file, self._compressor = file, zlib.compressobj(_LEVEL)
        height, width = size
        file.write(_SIGNATURE)
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPE[channels], 0, 0, 0))
        if icc_profile:
            self._chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile))
        if exif:
            self._chunk(b"eXIf", exif)

    def write(self, rows: Pixels) -> None:
        """Adds (h,W,C), of 8 or 16 bits as announced."""
        for top in range(0, rows.shape[0], _ROWS):
            compressed = self._compressor.compress(_filtered(rows[top : top + _ROWS]))
            if compressed:
                self._chunk(b"IDAT", compressed)

    def close(self) -> None:
        """Ends the picture; the file stays open."""
        self._chunk(b"IDAT", self._compressor.flush())
        self._chunk(b"IEND", b"")

    def _chunk(self, kind: bytes, content: bytes) -> None:
        self._file.write(struct.pack(">I", len(content)) + kind)
        self._file.write(content)
        self._file.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))


def _filtered(rows: Pixels) -> bytes:
    height, width, channels = rows.shape
    pixel = channels * rows.itemsize
    values = (
        np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder(">")).view(np.uint8).reshape(height, width * pixel)
    )
    result = np.empty((height, 1 + width * pixel), dtype=np.uint8)
    result[:, 0] = _SUB
    result[:, 1 : 1 + pixel] = values[:, :pixel]
    np.subtract(values[:, pixel:], values[:, :-pixel], out=result[:, 1 + pixel :])
    return result.tobytes()
