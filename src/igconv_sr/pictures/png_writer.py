"""Writing PNG row by row: in bounded memory, with 16 bits and profile, which Pillow does not offer together."""

import struct
import zlib
from typing import IO

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H,W,C); C: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""

_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}

_SUB = 1
"""The filter that stores differences to the pixel on the left."""

_LEVEL = 1
"""Level of compression: with photographs 3 % more bytes than level 4, in half the time."""

_ROWS = 256
"""Rows that are filtered at a time."""

LARGEST_SIDE = 2**31 - 1
"""Pixels."""


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
        file.write(b"\x89PNG\r\n\x1a\n")
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
