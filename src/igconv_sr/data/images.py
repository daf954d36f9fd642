"""Reading image files: whatever the format, the result is 8-bit RGB, by one rule.

Gray becomes three equal channels, palettes are looked up, alpha is dropped (the colours below it stay), 16-bit
values keep their high byte, and the EXIF orientation is applied.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from igconv_sr.errors import InputError

UInt8Image = npt.NDArray[np.uint8]
"""(H,W,3), RGB."""


def read_rgb(path: Path) -> UInt8Image:
    """Reads an image file as 8-bit RGB (H,W,3).

    Raises:
        InputError: If the file is missing, is no image, is cut short, or holds floating-point values.
    """
    return _decode(path)[0]


def read_rgb_and_gray(path: Path) -> tuple[UInt8Image, bool]:
    """As :func:`read_rgb`, and whether the file holds a single gray channel."""
    return _decode(path)


def _decode(path: Path) -> tuple[UInt8Image, bool]:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            mode = upright.mode
            if mode == "F":
                raise InputError(f"{path} holds floating-point values; save it with 8 or 16 bits per channel")
            if mode.startswith("I"):
                gray = (np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
                return np.repeat(gray[..., None], 3, axis=2), True
            if "transparency" in upright.info:
                upright = upright.convert("RGBA")
            return np.asarray(upright.convert("RGB")), mode in ("1", "L", "LA")
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not an image, or of an unknown format; remove or replace it") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large to be read safely: {error}") from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise InputError(f"{path} cannot be decoded ({error}); remove or replace it") from error
