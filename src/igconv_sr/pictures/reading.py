"""Reading a picture with all that its enlargement is to keep.

- Formats: PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000, PPM, PGM, TGA; the content says which, not the suffix.
- Gray stays gray; palettes become RGB; an alpha channel or a transparent colour becomes alpha.
- CMYK becomes sRGB through its colour profile, or, without one, as inks on white.
- 16 bits per channel are kept: gray and RGB (PNG, TIFF), both with alpha or a transparent colour (PNG). Other pictures
  of more than 8 bits are refused rather than reduced, but for AVIF, of which Pillow gives 8 bits and does not say more.
- The EXIF orientation is applied and taken out of the EXIF block, which is kept otherwise; so are colour profiles.
- Of several pictures in a file (animations, pages) the first is taken, with a remark.
- More than 178,956,970 pixels are refused, and so is what is empty, cut short, damaged or no picture.
"""

import io
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from kornia_rs.io import decode_image_png_u16, read_image_tiff_u16
from PIL import Image, ImageCms, ImageFile
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as ExifTag
from PIL.TiffImagePlugin import BITSPERSAMPLE, PLANAR_CONFIGURATION, TiffImageFile

from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import explaining, refuse_misread_gray, turn_upright
from igconv_sr.pictures.png import Pixels, gray_and_alpha

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "TGA")

_EXPLAINED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, MemoryError)
"""Errors that :func:`igconv_sr.pictures.decoding.explaining` puts into words, or that mean that memory has run out."""

_TO_MODE = {
    "1": "L",
    "P": "RGB",
    "PA": "RGBA",
    "La": "LA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "CMYK": "RGB",
}

_STEPS = {"L;2": 85, "L;4": 17}
"""Between two shades of gray as Pillow spreads them over 8 bits, but not the transparent one of a PNG file."""

_JPEG2000 = b"\xff\x4f\xff\x51"
"""What the codestream begins with; the sizes of the picture follow, and for each channel its bits."""

_DESCRIPTIVE = (
    ExifTag.ImageDescription, ExifTag.Make, ExifTag.Model, ExifTag.Software, ExifTag.DateTime, ExifTag.Artist,
    ExifTag.Copyright,
)  # fmt: skip
"""What is kept of a TIFF file's tags, most of which say how its pixels are stored."""

_TURNS = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
    8: lambda p: p.swapaxes(0, 1)[::-1],
}
"""What brings a picture upright, by its EXIF orientation."""


@dataclass(frozen=True)
class Picture:
    """A picture, upright.

    Attributes:
        pixels: (H,W,C).
        icc_profile: Colour profile, or None.
        exif: EXIF block without orientation, or None.
        remark: What the user should know, or empty.
    """

    pixels: Pixels
    icc_profile: bytes | None = None
    exif: bytes | None = None
    remark: str = ""


def read_picture(path: Path, name: str) -> Picture:
    """Reads a file.

    Args:
        path: The file.
        name: What an error calls it.

    Raises:
        InputError: If it is refused by one of the rules above.
    """
    if path.is_dir():
        raise InputError(f"{name} is a folder")
    with explaining(name), path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise InputError("is empty")
        # Not by way of the path, which Pillow would keep open, or look at the suffix of.
        with Image.open(file, formats=_FORMATS) as image:
            try:
                return _read(image, path)
            except _EXPLAINED:
                raise
            except Exception as error:  # whatever else a damaged file makes Pillow's readers raise
                raise InputError(f"cannot be decoded ({error!r})") from error


def read_stream(stream: IO[bytes], name: str) -> Picture:
    """As :func:`read_picture`, of what a stream holds; no file with a name is made of it."""
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(stream, file, 2**20)
        file.flush()
        return read_picture(Path(f"/dev/fd/{file.fileno()}"), name)


def _read(image: ImageFile.ImageFile, path: Path) -> Picture:
    # Whoever takes a photograph does not know of the further ones that cameras put into JPEGs (MPO).
    several = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
    remark = "the first of several pictures" if several else ""
    profile = image.info.get("icc_profile")
    # First, as Pillow forgets it once it has loaded the picture, which looking for EXIF may do.
    bits, raw_mode = _bits(image, path), _raw_mode(image)
    exif, orientation = _exif(image)
    if bits > 8 and image.mode not in ("I;16", "I;16B", "I;16L"):
        pixels: Pixels = _deep_colour(image, path, bits, raw_mode)
        return Picture(np.ascontiguousarray(_TURNS.get(orientation, lambda p: p)(pixels)), profile, exif, remark)
    refuse_misread_gray(image)
    if raw_mode in _STEPS and "transparency" in image.info:
        image.info["transparency"] *= _STEPS[raw_mode]
    turn_upright(image)
    if image.mode.startswith("I;16"):
        gray = np.asarray(image).astype(np.uint16)[..., None]
        return Picture(_with_alpha(gray, image), profile, exif, remark)
    return Picture(*to_pixels_and_profile(image), exif, remark)


def to_pixels_and_profile(image: Image.Image) -> tuple[Pixels, bytes | None]:
    """As :func:`to_pixels`, with the colour profile that the pixels are in; CMYK goes through its own to sRGB.

    Raises:
        InputError: Also if that of CMYK cannot be used.
    """
    profile = image.info.get("icc_profile")
    if image.mode != "CMYK":
        return to_pixels(image), profile
    return (_through_profile(image, profile), _srgb()) if profile else (to_pixels(image), None)


def to_pixels(image: Image.Image) -> Pixels:
    """(H,W,C) of a picture in memory: 8 bits, or 16 for ``I;16``.

    Raises:
        InputError: If its mode is none that can be enlarged.
    """
    mode = _TO_MODE.get(image.mode, image.mode)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None]
    if mode not in ("L", "LA", "RGB", "RGBA"):
        kind = {"F": "floating-point", "I": "32-bit or signed"}.get(image.mode, image.mode)
        raise InputError(f"holds {kind} values; save it as gray or RGB with 8 or 16 bits per channel")
    if image.has_transparency_data:
        mode = {"L": "LA", "RGB": "RGBA"}.get(mode, mode)
    pixels = np.array(image.convert(mode))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _bits(image: ImageFile.ImageFile, path: Path) -> int:
    if isinstance(image, TiffImageFile):
        stated = image.tag_v2.get(BITSPERSAMPLE, (1,))
        return max(stated) if isinstance(stated, tuple) else int(stated)
    if image.format == "PPM" and isinstance(form := image.tile[0].args, tuple):
        return int(form[1]).bit_length()
    if image.format == "JPEG2000":
        _, _, sizes = path.read_bytes().partition(_JPEG2000)
        return max(1 + (stated & 127) for stated in sizes[38 : 38 + 3 * sizes[37] : 3])
    # BMP's BGR;16 has 5 or 6 bits per channel.
    return 16 if ";16" in _raw_mode(image) and image.format != "BMP" else 8


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """How the file holds its pixels, in Pillow's words: ``RGB;16B``."""
    return " ".join(str(tile.args) for tile in image.tile)


def _deep_colour(image: Image.Image, path: Path, bits: int, raw_mode: str) -> Pixels:
    """16-bit colour, which Pillow has no mode for."""
    form = image.mode.lower()
    if image.format == "PNG" and "LA" in raw_mode:
        return gray_and_alpha(path)
    supported = {"PNG": ("rgb", "rgba"), "TIFF": ("rgb",)}.get(str(image.format), ())
    planes_apart = isinstance(image, TiffImageFile) and image.tag_v2.get(PLANAR_CONFIGURATION) == 2
    if form not in supported or planes_apart or bits != 16:
        raise InputError(
            "holds more than 8 bits per channel in a form that is not read; save it as 16-bit gray, RGB or RGBA PNG"
        )
    try:
        if image.format == "PNG":
            found = decode_image_png_u16(path.read_bytes(), (image.height, image.width), form)
        else:
            found = read_image_tiff_u16(str(path), form)
    except Exception as error:  # whatever a damaged file raises in there
        raise InputError(f"cannot be decoded ({error})") from error
    return _with_alpha(np.asarray(found), image)


def _with_alpha(pixels: Pixels, image: Image.Image) -> Pixels:
    """(H,W,C+1) where the picture of 16 bits states a transparent colour."""
    colour = image.info.get("transparency")
    if colour is None:
        return pixels
    opaque = (pixels != np.array(colour, dtype=np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate((pixels, opaque.astype(np.uint16) * np.uint16(65535)), axis=2)


def _exif(image: Image.Image) -> tuple[bytes | None, Any]:
    """The EXIF block without orientation, sizes, thumbnail and what cannot be written; and the orientation."""
    found, kept = image.getexif(), Image.Exif()
    for tag, value in found.items():
        if tag in (ExifTag.Orientation, IFD.Exif, IFD.GPSInfo) or (image.format == "TIFF" and tag not in _DESCRIPTIVE):
            continue
        if _is_writable(tag, value):
            kept[tag] = value
    for part in (IFD.Exif, IFD.GPSInfo):
        stale = (ExifTag.ExifImageWidth, ExifTag.ExifImageHeight)
        tags = {tag: value for tag, value in found.get_ifd(part).items() if tag not in stale}
        if tags := {tag: value for tag, value in tags.items() if _is_writable(part, {tag: value})}:
            kept[part] = tags
    return (kept.tobytes().removeprefix(b"Exif\0\0") if len(kept) else None), found.get(ExifTag.Orientation)


def _is_writable(tag: int, value: object) -> bool:
    """Whether Pillow can write a tag: programs put text into numbers, or numbers that are too large."""
    block = Image.Exif()
    block[tag] = value
    try:
        block.tobytes()
    except Exception:  # whatever is raised where the value is converted
        return False
    return True


def _through_profile(image: Image.Image, profile: bytes) -> Pixels:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise InputError(f"holds a colour profile that cannot be used ({error})") from error
    assert converted is not None
    return np.array(converted)


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
