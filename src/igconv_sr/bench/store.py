"""Building the store of decoded images against decoding them alone, both with all cores, and the memory it takes."""

import contextlib
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from igconv_sr.data.images.store import build_store
from igconv_sr.data.images.workers import worker_pool
from igconv_sr.data.sources.sample import TRAINING_PHOTOGRAPHS, VALIDATION_PHOTOGRAPHS
from igconv_sr.measure.comparison import Comparison
from igconv_sr.pictures.decoding import read_rgb

_STRIDE = 64
"""Stride of the pixels that both sides hand back, for the tests to compare."""


def build_against_decode(width: int = 2040, height: int = 1356, repeats: int = 8) -> Comparison:
    """The photographs inside scikit-image, as large as DIV2K's, with the noise of a sensor; each several times."""
    photographs = (*TRAINING_PHOTOGRAPHS, *VALIDATION_PHOTOGRAPHS)
    # Gone with the last side that uses it.
    folder = tempfile.TemporaryDirectory(prefix="igconv-sr-bench-")
    files = [_enlarge(path, Path(folder.name), width, height) for path in photographs] * repeats
    cache = Path(folder.name) / "cache"

    def ours() -> Sequence[Tensor]:
        shutil.rmtree(cache, ignore_errors=True)
        built = build_store(files, cache)
        return [torch.tensor(built[index][::_STRIDE, ::_STRIDE]) for index in range(len(built))]

    def reference() -> Sequence[Tensor]:
        assert folder
        with worker_pool() as pool:
            return [torch.tensor(pixels) for pixels in pool.map(_decode, files)]

    name = f"store / decoding alone: {len(files)} PNG of {width}×{height}"
    return Comparison(name, ours, reference, 1.25, 1.0, 2**30, peak_bytes_of_processes)


def _decode(path: Path) -> npt.NDArray[np.uint8]:
    return read_rgb(path)[::_STRIDE, ::_STRIDE].copy()


def _enlarge(path: Path, folder: Path, width: int, height: int) -> Path:
    enlarged = np.asarray(Image.fromarray(read_rgb(path)).resize((width, height), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).integers(-2, 3, size=enlarged.shape)
    target = folder / f"{path.stem}.png"
    Image.fromarray((enlarged + noise).clip(0, 255).astype(np.uint8)).save(target)
    return target


def peak_bytes_of_processes(call: Callable[[], object]) -> int:
    """The most memory in bytes, beyond what is held before, that this process and those that it starts hold at once.

    Pages that several of them share count once (proportional set size); the page cache does not count. Looked up every
    few milliseconds, one process after the other: while they start, shared pages may count twice.
    """
    before = peak = _held()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, _held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return peak - before


def _held() -> int:
    children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return sum(map(_proportional_set_size, ["self", *children.split()]))


def _proportional_set_size(process: str) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
        if size := re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE):
            return int(size[1]) * 1024
    return 0
