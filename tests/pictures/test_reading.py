"""Pictures with what their enlargement is to keep, in forms that Pillow does not write."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb
from igconv_sr.pictures.reading import read_picture


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_transparent_shade_of_gray_of_few_bits(tmp_path: Path, bits: int) -> None:
    """All shades in a row, of which the last but one is transparent."""
    shades = np.arange(2**bits, dtype=np.uint8)
    row = np.packbits(np.unpackbits(shades[:, None], axis=1)[:, 8 - bits :]).tobytes()
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", len(shades), 1, bits, 0, 0, 0, 0),
        b"tRNS": struct.pack(">H", len(shades) - 2),
        b"IDAT": zlib.compress(b"\0" + row),
        b"IEND": b"",
    }
    written = [struct.pack(">I", len(body)) + kind + body for kind, body in chunks.items()]
    ends = [struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks.items()]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(map(b"".join, zip(written, ends, strict=True))))
    gray, alpha = np.moveaxis(read_picture(tmp_path / "a.png", "a.png").pixels[0], -1, 0)
    assert gray.tolist() == (shades * (255 // (len(shades) - 1))).tolist()
    assert alpha.tolist() == [255] * (len(shades) - 2) + [0, 255]


def test_a_bmp_of_16_bits_per_pixel_is_no_picture_of_16_bits_per_channel(tmp_path: Path) -> None:
    """Of 5, 6 and 5 bits: a red, a green and a blue pixel."""
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 3, 1, 1, 16, 3, 8, 0, 0, 0, 0) + masks
    pixels = struct.pack("<HHHH", 0xF800, 0x07E0, 0x001F, 0)
    start = 14 + len(header)
    (tmp_path / "a.bmp").write_bytes(b"BM" + struct.pack("<IHHI", start + 8, 0, 0, start) + header + pixels)
    found = read_picture(tmp_path / "a.bmp", "a.bmp").pixels
    assert found.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    assert np.array_equal(read_rgb(tmp_path / "a.bmp"), found)


def test_jpeg_2000_of_more_than_8_bits_is_kept_or_refused(tmp_path: Path) -> None:
    gray = np.arange(100, dtype=np.uint16).reshape(10, 10) * 600
    Image.fromarray(gray).save(tmp_path / "gray.jp2")
    assert np.array_equal(read_picture(tmp_path / "gray.jp2", "gray.jp2").pixels[..., 0], gray)
    Image.new("RGB", (12, 10)).save(tmp_path / "rgb.jp2")
    assert read_picture(tmp_path / "rgb.jp2", "rgb.jp2").pixels.dtype == np.uint8
    content = bytearray((tmp_path / "rgb.jp2").read_bytes())
    first = content.index(b"\xff\x4f\xff\x51") + 42
    content[first : first + 9 : 3] = b"\x0b" * 3  # 12 bits for each of the three channels
    (tmp_path / "rgb.jp2").write_bytes(content)
    with pytest.raises(InputError, match=r"rgb\.jp2 holds more than 8 bits per channel in a form that is not read"):
        read_picture(tmp_path / "rgb.jp2", "rgb.jp2")


def exif(*tags: tuple[int, int, int, bytes]) -> bytes:
    """A block: tag, type, count and the four bytes of the value."""
    entries = b"".join(struct.pack("<HHI", *tag) + value for *tag, value in tags)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"


MAKE, ORIENTATION, UNIT = 271, 274, 296
TEXT, NUMBER, LONG, ANY = 2, 3, 4, 7


@pytest.mark.parametrize(
    ("odd", "size"),
    [
        ((UNIT, TEXT, 2, b"2\0\0\0"), (12, 14)),
        ((UNIT, LONG, 1, struct.pack("<I", 70000)), (12, 14)),
        ((ORIENTATION, ANY, 1, b"\6\0\0\0"), (14, 12)),
    ],
    ids=["text", "too_large", "orientation"],
)
def test_an_odd_exif_tag_does_not_cost_the_picture_or_the_other_tags(
    tmp_path: Path, odd: tuple[int, int, int, bytes], size: tuple[int, int]
) -> None:
    path = tmp_path / "a.jpg"
    tags = [(MAKE, TEXT, 4, b"abc\0"), (ORIENTATION, NUMBER, 1, b"\6\0\0\0")]
    Image.new("RGB", (12, 14)).save(path, exif=exif(*(tags[:1] if odd[0] == ORIENTATION else tags), odd))
    picture = read_picture(path, "a.jpg")
    assert picture.pixels.shape == (*size, 3)
    assert read_rgb(path).shape == (*size, 3)
    kept = Image.Exif()
    kept.load(picture.exif)
    assert dict(kept) == {MAKE: "abc"}
