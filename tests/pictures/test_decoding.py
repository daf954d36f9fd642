"""Whatever the format, the result is 8-bit RGB by one rule, or one line that names the file."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from igconv_sr.data.sources.walk import list_images
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb, read_rgb_and_gray, read_size
from igconv_sr.pictures.png import read_png_header
from igconv_sr.pictures.reading import read_picture

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(256, size=(7, 10, 3), dtype=np.uint8)
RGB16 = RANDOM.integers(65536, size=(7, 10, 3), dtype=np.uint16)
GRAY, ALPHA, GRAY16 = RGB[..., 0], RGB[::-1, ..., 1], RGB16[..., 0]
SMOOTH = np.linspace((20, 200, 90), (220, 40, 160), 32)[None].repeat(24, axis=0).astype(np.uint8)

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def write_png16(path: Path, pixels: npt.NDArray[np.uint16]) -> None:
    """A 16-bit PNG by the standard; Pillow writes gray ones only."""
    height, width, channels = pixels.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    write_chunks(path, header, lines)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_chunks(path: Path, header: bytes, lines: bytes) -> None:
    """A PNG by the standard, with whatever header and (filtered) lines."""
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*both) for both in chunks))


def three(channel: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.stack([channel] * 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.png", {}),
        ("x.bmp", {}),
        ("x.tif", {}),
        ("x.tiff", {"compression": "tiff_lzw"}),
        ("x.tiff", {"compression": "tiff_deflate"}),
        ("x.webp", {"lossless": True, "exact": True}),
        ("x.PNG", {}),
    ],
    ids=str,
)
def test_lossless_formats_give_their_pixels(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    Image.fromarray(RGB).save(tmp_path / name, **options)
    pixels, gray = read_rgb_and_gray(tmp_path / name)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, RGB)
    assert not gray


@pytest.mark.parametrize("name", ["x.jpg", "x.jpeg", "x.webp"])
def test_lossy_formats_come_near(tmp_path: Path, name: str) -> None:
    Image.fromarray(SMOOTH).save(tmp_path / name, quality=97)
    assert np.abs(read_rgb(tmp_path / name).astype(int) - SMOOTH).max() <= 6


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp"])
def test_gray_becomes_three_equal_channels(tmp_path: Path, name: str) -> None:
    Image.fromarray(GRAY).save(tmp_path / name)
    pixels, gray = read_rgb_and_gray(tmp_path / name)
    assert np.array_equal(pixels, three(GRAY))
    assert gray


@pytest.mark.parametrize("read", [read_rgb, lambda path: read_picture(path, str(path))])
def test_16_bit_gray_with_0_for_white_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path, photometric_interpretation = tmp_path / "a.tif", 262
    Image.fromarray(np.full((2, 2), 1000, np.uint16)).save(path, tiffinfo={photometric_interpretation: 0})
    with pytest.raises(InputError, match=r"a\.tif holds 16-bit gray with 0 for white; save it with 0 for black"):
        read(path)


@pytest.mark.parametrize("read", [read_rgb, lambda path: read_picture(path, str(path))])
def test_gray_of_12_bits_is_refused_rather_than_nearly_black(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """A TIFF file by the standard: 2×1 pixels, both white, in 3 bytes behind the tags."""
    tags = {256: 2, 257: 1, 258: 12, 259: 1, 262: 1, 273: 122, 277: 1, 278: 1, 279: 3}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", 9) + entries + b"\0\0\0\0" + b"\xff" * 3)
    with pytest.raises(InputError, match=r"a\.tif holds gray of 12 bits; save it with 8 or 16"):
        read(tmp_path / "a.tif")


def test_black_and_white_is_gray(tmp_path: Path) -> None:
    Image.fromarray(GRAY > 127).save(tmp_path / "x.png")
    pixels, gray = read_rgb_and_gray(tmp_path / "x.png")
    assert np.array_equal(pixels, three((GRAY > 127) * 255))
    assert gray


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_16_bit_gray_keeps_its_high_byte(tmp_path: Path, name: str) -> None:
    Image.fromarray(GRAY16).save(tmp_path / name)
    pixels, gray = read_rgb_and_gray(tmp_path / name)
    assert np.array_equal(pixels, three(GRAY16 >> 8))
    assert gray


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_keeps_its_high_byte(tmp_path: Path, channels: int) -> None:
    """Gray, gray with alpha, RGB, RGB with alpha."""
    path = tmp_path / "x.png"
    write_png16(path, np.dstack((RGB16, GRAY16))[..., {1: [0], 2: [0, 1], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]])
    pixels, gray = read_rgb_and_gray(path)
    assert np.array_equal(pixels, (RGB16 >> 8) if channels > 2 else three(GRAY16 >> 8))
    if channels != 2:  # Pillow gives such a file as RGBA, and nobody has one as a benchmark
        assert gray == (channels == 1)


def test_16_bit_pgm_and_ppm_keep_their_high_byte_and_are_not_enlarged(tmp_path: Path) -> None:
    for kind, pixels in (("P5", GRAY16), ("P6", RGB16)):
        path = tmp_path / f"{kind}.ppm"
        path.write_bytes(f"{kind}\n10 7\n65535\n".encode() + pixels.astype(">u2").tobytes())
        found, gray = read_rgb_and_gray(path)
        assert gray == (kind == "P5")
        expected = three(pixels >> 8) if gray else (pixels / 257).round()  # as Pillow reduces them
        assert np.array_equal(found, expected)
        with pytest.raises(InputError, match=r"more than 8 bits per channel in a form that is not read"):
            read_picture(path, path.name)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_rgb_tiff_keeps_its_high_byte(tmp_path: Path, byteorder: Any) -> None:
    tifffile.imwrite(tmp_path / "x.tif", RGB16, byteorder=byteorder, photometric="rgb")
    assert np.array_equal(read_rgb(tmp_path / "x.tif"), (RGB16 >> 8).astype(np.uint8))


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(0, 250, 5))], ids=["opaque", "one colour", "levels"])
@pytest.mark.filterwarnings("error")
def test_palettes_are_looked_up(tmp_path: Path, transparency: Any) -> None:
    palette = RANDOM.integers(256, size=(50, 3), dtype=np.uint8)
    index = RANDOM.integers(50, size=(7, 10), dtype=np.uint8)
    image = Image.frombytes("P", (10, 7), index.tobytes())
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "x.png", **({} if transparency is None else {"transparency": transparency}))
    assert np.array_equal(read_rgb(tmp_path / "x.png"), palette[index])


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.webp"])
def test_alpha_is_dropped_and_the_colours_below_it_stay(tmp_path: Path, name: str) -> None:
    alpha = ALPHA.copy()
    alpha[0] = 0
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    Image.fromarray(np.dstack((RGB, alpha))).save(tmp_path / name, **options)
    assert np.array_equal(read_rgb(tmp_path / name), RGB)


def test_gray_with_alpha_is_gray(tmp_path: Path) -> None:
    Image.fromarray(np.dstack((GRAY, ALPHA))).save(tmp_path / "x.png")
    pixels, gray = read_rgb_and_gray(tmp_path / "x.png")
    assert np.array_equal(pixels, three(GRAY))
    assert gray


UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: np.rot90,
}
"""What a viewer does to the stored picture, by the EXIF standard."""


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(read_rgb(tmp_path / "x.png"), UPRIGHT[orientation](RGB))


@pytest.mark.parametrize(("name", "tolerance"), [("x.tif", 1), ("x.jpg", 8)])
def test_cmyk_is_ink_on_white(tmp_path: Path, name: str, tolerance: int) -> None:
    inks = np.dstack((SMOOTH, SMOOTH[..., 0] // 3))
    Image.frombytes("CMYK", (32, 24), inks.tobytes()).save(tmp_path / name, **({"quality": 97} if "j" in name else {}))
    cyan_magenta_yellow, black = inks[..., :3].astype(float), inks[..., 3:].astype(float)
    expected = (255 - cyan_magenta_yellow) * (255 - black) / 255
    assert np.abs(read_rgb(tmp_path / name) - expected).max() <= tolerance


def assert_one_line(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_rgb(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_missing_file(tmp_path: Path) -> None:
    assert_one_line(tmp_path / "x.png", "does not exist")


@pytest.mark.parametrize("content", [b"", b"This is no picture.\n", b"\0" * 500], ids=["empty", "text", "zeros"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp"])
def test_files_that_are_no_images(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    assert_one_line(path, "not an image")


def test_a_folder_named_like_an_image(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    assert_one_line(tmp_path / "x.png")


def assert_whole_or_refused(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Nothing but an error that names the file, or else every pixel as it was."""
    message = None
    try:
        read = read_rgb(path)
    except InputError as error:
        message = str(error)
    if message is None:
        assert np.array_equal(read, pixels)
    else:
        assert str(path) in message
        assert "\n" not in message


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp", "x.tif", "x.webp"])
def test_files_cut_short_anywhere_are_refused(tmp_path: Path, name: str) -> None:
    """The last bytes of a file may be ornament: read without them, the picture must be whole."""
    path = tmp_path / name
    Image.fromarray(RGB).save(path)
    whole, pixels = path.read_bytes(), read_rgb(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert_one_line(path)
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        assert_whole_or_refused(path, pixels)


def test_damaged_png_headers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(RGB).save(path)
    whole = path.read_bytes()
    for position in range(8, 40):
        for value in (0, 1, 5, 255):
            damaged = bytearray(whole)
            damaged[position] = value
            path.write_bytes(damaged)
            assert_whole_or_refused(path, RGB)


def test_floating_point_files_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GRAY.astype(np.float32)).save(tmp_path / "x.tif")
    assert_one_line(tmp_path / "x.tif", "floating-point")


def test_32_bit_files_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GRAY.astype(np.int32)).save(tmp_path / "x.tif")
    assert_one_line(tmp_path / "x.tif", "32-bit")


@pytest.mark.parametrize("bits", [2, 4])
def test_shallow_gray_spans_the_whole_range(tmp_path: Path, bits: int) -> None:
    path, levels = tmp_path / "x.png", GRAY % (1 << bits)
    samples = np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :].reshape(len(levels), -1)
    lines = b"".join(b"\0" + np.packbits(line).tobytes() for line in samples)
    write_chunks(path, struct.pack(">IIBBBBB", 10, 7, bits, 0, 0, 0, 0), lines)
    pixels, gray = read_rgb_and_gray(path)
    assert np.array_equal(pixels, three(levels * (255 // ((1 << bits) - 1))))
    assert gray


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.tif", "x.gif", "x.jpg"])
def test_the_first_of_several_pictures_is_read(tmp_path: Path, name: str) -> None:
    """Animations, pages, and the JPEGs with several pictures that cameras write (MPO)."""
    first, second = (Image.new("RGB", (8, 6), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    options: dict[str, Any] = {"format": "MPO"} if name == "x.jpg" else {"lossless": True} if "webp" in name else {}
    first.save(tmp_path / name, save_all=True, append_images=[second], **options)
    with Image.open(tmp_path / name) as image:
        assert getattr(image, "n_frames", 1) == 2
    assert np.abs(read_rgb(tmp_path / name).astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize(("name", "form"), [("x.png", "JPEG"), ("x.jpg", "PNG"), ("x.tif", "WEBP"), ("x.bmp", "GIF")])
def test_the_content_says_what_a_file_is(tmp_path: Path, name: str, form: str) -> None:
    Image.fromarray(SMOOTH).save(tmp_path / f"right.{form.lower()}", format=form)
    Image.fromarray(SMOOTH).save(tmp_path / name, format=form)
    assert np.array_equal(read_rgb(tmp_path / name), read_rgb(tmp_path / f"right.{form.lower()}"))


@pytest.mark.parametrize("mode", ["1", "RGB"])
def test_pictures_too_large_are_refused_by_their_header(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "x.png"
    form = (1, 0) if mode == "1" else (8, 2)
    write_chunks(path, struct.pack(">IIBBBBB", 20000, 10000, *form, 0, 0, 0), b"")
    assert_one_line(path, "too large", "cut it into parts")
    with pytest.raises(InputError, match="too large"):
        read_size(path)


@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_pictures_of_100_megapixels_are_not_too_large(tmp_path: Path, name: str) -> None:
    Image.new("1", (10000, 10000)).save(tmp_path / name)
    assert read_size(tmp_path / name) == (10000, 10000)


def test_cmyk_jpegs_hold_inverted_inks_as_adobes_do(tmp_path: Path) -> None:
    """What Pillow writes is what Photoshop writes: the mark of Adobe, and 255 for no ink."""
    path = tmp_path / "x.jpg"
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(path, quality=100)
    assert b"Adobe" in path.read_bytes()[:64]
    with Image.open(path) as image:
        image.tile = [tile._replace(args=("CMYK", "")) for tile in image.tile]
        stored = np.asarray(image)
    assert np.abs(stored[8, 8].astype(int) - (0, 255, 255, 255)).max() <= 2
    assert np.abs(read_rgb(path)[8, 8].astype(int) - (0, 255, 255)).max() <= 2


@pytest.mark.parametrize("orientation", [1, 3, 5, 6])
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif", "x.webp"])
def test_sizes_are_those_of_the_pixels(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / name, exif=exif)
    assert read_size(tmp_path / name) == read_rgb(tmp_path / name).shape[:2] == UPRIGHT[orientation](RGB).shape[:2]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_sizes_of_png_files(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(GRAY16) if mode == "I;16" else Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / "x.png")
    assert read_size(tmp_path / "x.png") == (7, 10)


def test_an_orientation_behind_the_pixels_of_a_png_is_found(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / "x.png")
    whole = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(whole[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + whole[-12:])
    assert np.array_equal(read_rgb(tmp_path / "x.png"), UPRIGHT[6](RGB))
    assert read_size(tmp_path / "x.png") == (10, 7)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"])
def test_damaged_exif_is_no_orientation(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(SMOOTH).save(tmp_path / "x.jpg", exif=exif)
    assert read_rgb(tmp_path / "x.jpg").shape == SMOOTH.shape
    assert read_size(tmp_path / "x.jpg") == SMOOTH.shape[:2]


@pytest.mark.parametrize("name", [b"gAMA", b"sRGB", b"iCCP", b"pHYs", b"tRNS", b"tEXt"])
def test_plain_png_files_give_the_pixels_that_pillow_gives(tmp_path: Path, name: bytes) -> None:
    """Chunks before the pixels: gamma, profiles and resolution change nothing; the others are Pillow's alone."""
    content = {
        b"gAMA": struct.pack(">I", 20000),
        b"sRGB": b"\0",
        b"iCCP": b"x\0\0" + zlib.compress(b"profile"),
        b"pHYs": struct.pack(">IIB", 1, 2, 0),
        b"tRNS": struct.pack(">HHH", *RGB[0, 0]),
        b"tEXt": b"Comment\0x",
    }
    Image.fromarray(RGB).save(tmp_path / "x.png")
    whole = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(whole[:33] + chunk(name, content[name]) + whole[33:])
    with (tmp_path / "x.png").open("rb") as file:
        header = read_png_header(file)
    assert header is not None
    assert header.plain == (name not in (b"tRNS", b"tEXt"))
    assert np.array_equal(read_rgb(tmp_path / "x.png"), RGB)


@pytest.mark.parametrize("filters", range(5))
def test_every_filter_of_png(tmp_path: Path, filters: int) -> None:
    """The first byte of a line says how it was predicted; the decoders must undo it alike."""
    lines = b"".join(bytes([filters]) + line.tobytes() for line in RGB)
    write_chunks(tmp_path / "x.png", struct.pack(">IIBBBBB", 10, 7, 8, 2, 0, 0, 0), lines)
    with Image.open(tmp_path / "x.png") as image:
        assert np.array_equal(read_rgb(tmp_path / "x.png"), np.asarray(image))


@pytest.mark.parametrize("count", [1, 3])
def test_bytes_changed_anywhere_in_a_png_are_noticed(tmp_path: Path, count: int) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(RGB).save(path)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for position in random.integers(8, len(whole) - 12, size=count):
            damaged[position] ^= int(random.integers(1, 256))
        path.write_bytes(damaged)
        assert_whole_or_refused(path, RGB)


def test_lists_are_sorted_and_leave_hidden_files_and_others_out(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "deep/er/c.webp", ".hidden.png", "notes.txt", "._b.PNG"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)] == ["a.jpg", "b.PNG", "deep/er/c.webp"]


def test_folders_without_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no image .* in {tmp_path}"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="missing is not a folder"):
        list_images(tmp_path / "missing")
