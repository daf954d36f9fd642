"""PNG files of 16-bit gray with alpha, which no reader at hand decodes without reducing them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

_RGBA_OF_8_BITS = bytes((8, 6))
_SIGNATURE = 8
"""Bytes."""


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
    parts, start = [content[:_SIGNATURE]], _SIGNATURE
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
