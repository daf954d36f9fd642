"""Opens image files, many at a time: their sizes, what is wrong with them, their fingerprints."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image, UnidentifiedImageError

from igconv_sr.data.check.duplicates import Fingerprint, fingerprint
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb

_QUARTER_TURNS = (5, 6, 7, 8)
_PER_THREAD = 64


class Inspection(NamedTuple):
    """One file.

    Attributes:
        size: Width and height, if it can be read.
        fault: What is wrong with it.
        fingerprint: If it was decoded.
        largest: Its largest value as training sees it, from 0 to 255, if it was decoded.
    """

    size: tuple[int, int] | None
    fault: str | None
    fingerprint: Fingerprint | None
    largest: int | None = None


def inspect_all(paths: Sequence[Path], quick: bool, done: Callable[[int], None]) -> Iterator[Inspection]:
    """Opens files on all cores; Pillow decodes outside Python's lock.

    Args:
        paths: The files.
        quick: Whether to read headers alone.
        done: Told how many files have been read since the last call.
    """
    threads = os.cpu_count() or 1
    chunk = threads * _PER_THREAD  # bounds what waits in memory
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(paths), chunk):
            some = paths[start : start + chunk]
            yield from pool.map(partial(_inspect, quick=quick), some)
            done(len(some))


def _inspect(path: Path, quick: bool) -> Inspection:
    try:
        if path.stat().st_size == 0:
            return Inspection(None, f"{path} is empty (0 bytes)", None)
        if quick:
            return Inspection(_size(path), None, None)
        pixels = read_rgb(path)
    except FileNotFoundError:
        return Inspection(None, f"{path} does not exist (a link that leads nowhere)", None)
    except UnidentifiedImageError:
        return Inspection(None, f"{path} is not an image, or of an unknown format", None)
    except InputError as error:
        return Inspection(None, str(error), None)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return Inspection(None, f"{path} cannot be read ({error})", None)
    height, width = pixels.shape[:2]
    return Inspection((width, height), None, fingerprint(pixels), int(pixels.max()))


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        width, height = image.size
        # Asking a PNG file without EXIF for it decodes the file: it might stand at the end.
        # TIFF files Pillow turns by itself, and states the size thereafter.
        known = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        turned = known and image.getexif().get(ExifTags.Base.Orientation) in _QUARTER_TURNS
    return (height, width) if turned else (width, height)
