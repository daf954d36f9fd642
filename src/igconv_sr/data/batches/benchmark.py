"""Whole images with their LR versions, for validation and evaluation."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from igconv_sr.data.batches.degradation import BatchDegradation, Pil, degrade_whole
from igconv_sr.data.sources.layouts import find_sets
from igconv_sr.data.sources.pairing import image_name
from igconv_sr.data.sources.walk import list_images
from igconv_sr.errors import InputError
from igconv_sr.functional.imresize import imresize_uint8
from igconv_sr.functional.paired_size import paired_size
from igconv_sr.pictures.decoding import UInt8Image, read_rgb, read_rgb_and_gray, read_size
from igconv_sr.scale import scale_fraction
from igconv_sr.system.console import say
from igconv_sr.system.left_out import Kind, LeftOut

LrKernel = Literal["matlab", "pil"]
Size = Sequence[int]
"""Height and width."""


class BenchmarkItem(NamedTuple):
    """One image at one scale.

    Attributes:
        benchmark: Name of the benchmark.
        name: Name of the image.
        scale: r.
        lr: (1,3,H,W) uint8.
        hr: (1,3,r·H,r·W) uint8; both sizes by :func:`igconv_sr.functional.paired_size`.
        gray: Whether the HR file holds a single channel.
    """

    benchmark: str
    name: str
    scale: float
    lr: Tensor
    hr: Tensor
    gray: bool

    @property
    def title(self) -> str:
        """The image in words."""
        return f"{self.name} of {self.benchmark} at ×{self.scale:g}"

    @property
    def lr_size(self) -> tuple[int, int]:
        """H and W."""
        height, width = self.lr.shape[-2:]
        return height, width

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return self._replace(lr=self.lr.to(device), hr=self.hr.to(device))


@dataclass(frozen=True)
class Benchmark:
    """HR files and, where there are any, their LR versions.

    Attributes:
        name: As it appears in results.
        files: HR image files.
        lr_files: Per scale the LR file of each HR file; at other scales LR images are made from the HR ones.
        own_files: HR files that are meant for one scale, in place of ``files``.
        degradation: What LR images are made by where it is another rule than that of benchmarks.
        only_pairs: Whether no LR images are made: at scales without LR files there are no images.
    """

    name: str
    files: tuple[Path, ...]
    lr_files: Mapping[int, Mapping[Path, Path]] | Mapping[float, Mapping[Path, Path]] = field(default_factory=dict)
    own_files: Mapping[int, tuple[Path, ...]] = field(default_factory=dict)
    degradation: BatchDegradation | Pil | None = None
    only_pairs: bool = False

    def files_at(self, scale: float) -> tuple[Path, ...]:
        """HR files at one scale."""
        return next((files for own, files in self.own_files.items() if own == scale), self.files)

    def images_at(self, scale: float) -> list[tuple[str, Path]]:
        """Names and HR files of the images: names of the files, or where two would be the same, their paths."""
        if self.only_pairs and not any(own == scale for own in self.lr_files):
            return []
        files = self.files_at(scale)
        names = [image_name(path) for path in files]
        if len(set(names)) < len(names):
            root = os.path.commonpath([path.parent for path in files])
            names = [path.relative_to(root).as_posix() for path in files]
        return list(zip(names, files, strict=True))

    def lr_file(self, hr: Path, scale: float) -> Path | None:
        """The LR file that belongs to an HR file, which may be missing; None where it is to be made."""
        return next((files.get(hr) for own, files in self.lr_files.items() if own == scale), None)


def find_benchmarks(folder: Path) -> list[Benchmark]:
    """The benchmarks below a folder, in any layout that :mod:`igconv_sr.data.sources.layouts` knows.

    What the folder holds besides is said in a line.

    Raises:
        InputError: If the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"benchmark {folder} is not a folder; give the folder that holds HR/")
    if (folder / "HR").is_dir():
        list_images(folder / "HR")
    left_out = LeftOut(str(folder))
    sets = [found for found in find_sets(folder, left_out.add) if found.files]
    if not sets:
        list_images(folder)
        raise InputError(f"{folder} holds LR images alone; a benchmark needs the HR ones, in HR/ beside them")
    # A folder that holds training images as well: they are not what is asked for.
    chosen = [found for found in sets if found.split != "train"] or sets
    for found in sets:
        if found not in chosen:
            left_out.add(Kind.TO_TRAIN_ON, found.name)
    for found in chosen:
        for path in found.unpaired:
            left_out.add(Kind.LOW_RESOLUTION, path.name)
        for place in (*found.unused_hr, *found.unused_lr):
            left_out.add(Kind.VERSION, os.path.relpath(place, folder))
    for notice in left_out.notices():
        say(notice)
    return [Benchmark(found.name, found.files, found.lr_files, found.own_files) for found in chosen]


def find_benchmark(folder: Path) -> Benchmark:
    """As :func:`find_benchmarks`, for a folder that holds one.

    Raises:
        InputError: If the folder does not exist, holds no image or several benchmarks.
    """
    found = find_benchmarks(folder)
    if len(found) > 1:
        names = ", ".join(benchmark.name for benchmark in found)
        raise InputError(f"{folder} holds several benchmarks ({names}); give the folder of one")
    return found[0]


class BenchmarkImages(Dataset[BenchmarkItem]):
    """Every image of every benchmark at every scale; a rank holds each W-th of them.

    Args:
        benchmarks: The benchmarks.
        scales: The scales.
        rank: This process.
        world_size: W.
        lr_kernel: What the LR images of a scale are made by; LR files are taken to be MATLAB's. MATLAB's by default.
    """

    def __init__(
        self,
        benchmarks: Sequence[Benchmark],
        scales: Sequence[float],
        rank: int = 0,
        world_size: int = 1,
        lr_kernel: Callable[[float], LrKernel] | None = None,
    ) -> None:
        items = [
            (benchmark, path, name, scale)
            for benchmark in benchmarks
            for scale in scales
            for name, path in benchmark.images_at(scale)
        ]
        self.items = items[rank::world_size]
        self.lr_kernel = lr_kernel

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> BenchmarkItem:
        """Reads one image.

        Raises:
            InputError: If a file cannot be read, an LR file is missing or the sizes disagree.
        """
        benchmark, path, name, scale = self.items[index]
        pixels, gray = read_rgb_and_gray(path)
        hr = _to_tensor(pixels)
        kernel, lr_path = self._lr(benchmark, path, scale)
        if lr_path is not None:
            lr = _to_tensor(read_rgb(lr_path))
            _check_sizes(path, hr.shape[-2:], lr_path, lr.shape[-2:], scale)
            hr = _crop_to_multiple(hr, scale)
        else:
            _check_at_least_one_pixel(path, hr.shape[-2:], scale)
            hr = _crop_to_multiple(hr, scale)
            lr = _degrade(hr, scale, benchmark.degradation) if benchmark.degradation else _reduce(hr, scale, kernel)
        return BenchmarkItem(benchmark.name, name, scale, lr, hr, gray)

    def check(self, least_side: Callable[[float], int]) -> None:
        """Compares the sizes that the files' headers state, so that a mistake is told before anything is computed.

        Args:
            least_side: Pixels that HR images must have at a scale on their shorter side, cropped to what is scored.

        Raises:
            InputError: If a file is missing, no image or too small, or sizes disagree. Other damage is noticed when it
                is read.
        """
        size = functools.cache(read_size)
        for benchmark, path, _, scale in self.items:
            _, lr_path = self._lr(benchmark, path, scale)
            if lr_path is None:
                _check_at_least_one_pixel(path, size(path), scale)
            else:
                _check_sizes(path, size(path), lr_path, size(lr_path), scale)
            _check_large_enough(path, size(path), scale, least_side(scale))

    def _lr(self, benchmark: Benchmark, path: Path, scale: float) -> tuple[LrKernel, Path | None]:
        """What the LR image of an HR file is made by, or its file."""
        kernel: LrKernel = "matlab" if self.lr_kernel is None else self.lr_kernel(scale)
        return kernel, benchmark.lr_file(path, scale) if kernel == "matlab" else None


def _to_tensor(pixels: UInt8Image) -> Tensor:
    return torch.tensor(pixels).permute(2, 0, 1).unsqueeze(0)


def _degrade(hr: Tensor, scale: float, degradation: BatchDegradation | Pil) -> Tensor:
    return _reduce(hr, scale, "pil") if isinstance(degradation, Pil) else degrade_whole(hr, scale, degradation)


def _reduce(hr: Tensor, scale: float, kernel: LrKernel) -> Tensor:
    if kernel == "matlab":
        return imresize_uint8(hr, 1 / scale)
    height, width = (paired_size(size, scale)[0] for size in hr.shape[-2:])
    image = Image.fromarray(hr[0].permute(1, 2, 0).numpy())
    return _to_tensor(np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)))


def _crop_to_multiple(hr: Tensor, scale: float) -> Tensor:
    height, width = (paired_size(size, scale)[1] for size in hr.shape[-2:])
    return hr[..., :height, :width].contiguous()


def _check_at_least_one_pixel(path: Path, hr: Size, scale: float) -> None:
    if min(hr) < scale_fraction(scale).numerator:
        raise InputError(f"{path} has {hr[1]}×{hr[0]} pixels, too few for ×{scale:g}; remove it")


def _check_large_enough(path: Path, hr: Size, scale: float, least: int) -> None:
    if min(paired_size(size, scale)[1] for size in hr) < least:
        raise InputError(
            f"{path} has {hr[1]}×{hr[0]} pixels, too few to be scored at ×{scale:g}, which takes {least} on each side; "
            "remove it"
        )


def _check_sizes(path: Path, hr: Size, lr_path: Path, lr: Size, scale: float) -> None:
    height, width = (paired_size(size, scale)[0] for size in hr)
    if tuple(lr) != (height, width):
        raise InputError(
            f"{lr_path} has {lr[1]}×{lr[0]} pixels, but {path} with {hr[1]}×{hr[0]} "
            f"needs {width}×{height} at ×{scale:g}; mend the pair, or remove {lr_path.parent} to have LR images made"
        )
