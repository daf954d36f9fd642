"""What the page asks for: a picture's bytes to the PNG of its enlargement, by the model or by bicubic interpolation."""

import io
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from queue import SimpleQueue
from typing import NoReturn

import torch

from igconv_sr.errors import InputError
from igconv_sr.functional.paired_size import output_size
from igconv_sr.inference.enlargement import computed_at
from igconv_sr.inference.objects import enlarge
from igconv_sr.inference.upscaler import Upscaler
from igconv_sr.network import Bicubic
from igconv_sr.pictures.png import Pixels, PngWriter
from igconv_sr.pictures.reading import Picture
from igconv_sr.super_resolver import SuperResolver

LARGEST_RESULT = 50_000_000
"""Pixels: a photograph of 12 megapixels at ×2. Browsers take 4 bytes for each, for both pictures."""

METHODS = ("model", "bicubic")


@dataclass(frozen=True)
class Enlarged:
    """An enlargement.

    Attributes:
        png: The file.
        before: Height and width of the picture.
        after: Height and width of the enlargement.
        seconds: How long it took to compute, without reading and writing.
        remarks: What the user should know.
    """

    png: bytes
    before: tuple[int, int]
    after: tuple[int, int]
    seconds: float
    remarks: list[str]


class Studio:
    """A model and bicubic interpolation, for one picture at a time.

    Requests come in threads of their own and leave their work to one thread, best the main one: signals interrupt it
    there, and torch does not like to be left in another when the program ends.

    Args:
        net: The model, in eval mode.
        device: Where to compute.
    """

    def __init__(self, net: SuperResolver, device: torch.device) -> None:
        self._upscalers = {"model": Upscaler(net, device), "bicubic": Upscaler(Bicubic(), device)}
        self._waiting: SimpleQueue[tuple[Callable[[], Enlarged], Future[Enlarged]]] = SimpleQueue()

    def work(self) -> NoReturn:
        """Does what is asked for, in the order in which it was, for ever."""
        while True:
            call, future = self._waiting.get()
            try:
                future.set_result(call())
            except Exception as error:
                future.set_exception(error)

    def do(self, call: Callable[[], Enlarged]) -> Enlarged:
        """Has the thread that works do something; gives, or raises, what it does."""
        future: Future[Enlarged] = Future()
        self._waiting.put((call, future))
        return future.result()

    def enlarge(
        self, picture: Picture, method: str, scale: Fraction, progress: Callable[[float], object] = lambda _share: None
    ) -> Enlarged:
        """Enlarges a picture.

        Args:
            picture: What was read.
            method: One of :data:`METHODS`.
            scale: r, from 1 to 64.
            progress: Called after each tile; what it raises ends the work.

        Raises:
            InputError: If the result would be too large, or the model cannot make it.
        """
        before = (picture.pixels.shape[0], picture.pixels.shape[1])
        after = output_size(*before, scale)
        if after[0] * after[1] > LARGEST_RESULT:
            raise InputError(
                f"{before[1]}×{before[0]} pixels would become {after[1]}×{after[0]}, and this page makes "
                f"{LARGEST_RESULT // 10**6} million pixels at most; choose a smaller scale, or use igconv-sr upscale"
            )
        started = time.perf_counter()
        upscaler, remarks = self._upscalers[method], [picture.remark] if picture.remark else []
        upscaler.say = lambda _line: None  # said below, every time
        computed = upscaler.prepare(computed_at(scale)).scale
        if method == "model" and computed != scale:
            remarks.append(f"computed at ×{computed} and resized")
        upscaler.say = remarks.append
        pixels: Pixels = enlarge(upscaler, torch.from_numpy(picture.pixels), scale, progress).cpu().numpy()
        seconds = time.perf_counter() - started
        return Enlarged(_png(picture, pixels), before, after, seconds, remarks)


def _png(picture: Picture, pixels: Pixels) -> bytes:
    file = io.BytesIO()
    height, width, channels = pixels.shape
    writer = PngWriter(file, (height, width), channels, 8 * pixels.itemsize, picture.icc_profile, picture.exif)
    writer.write(pixels)
    writer.close()
    return file.getvalue()
