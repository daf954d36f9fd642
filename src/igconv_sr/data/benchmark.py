"""Whole images with their LR versions, for validation and evaluation."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from igconv_sr.data.images import UInt8Image, list_images, read_rgb, read_rgb_and_gray
from igconv_sr.errors import InputError
from igconv_sr.functional.imresize import imresize_uint8
from igconv_sr.functional.paired_size import paired_size, scale_fraction

LrKernel = Literal["matlab", "pil"]


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


@dataclass(frozen=True)
class Benchmark:
    """HR files and, where there are any, the folder of their LR versions.

    Attributes:
        name: As it appears in results.
        files: HR image files.
        lr_folder: Holds ``X2/babyx2.png`` and so on; without it LR images are made from the HR ones.
    """

    name: str
    files: tuple[Path, ...]
    lr_folder: Path | None = None

    def image_names(self) -> list[str]:
        """Names of the images: those of the files, or where two would be the same, their paths."""
        stems = [path.stem for path in self.files]
        if len(set(stems)) == len(stems):
            return stems
        root = os.path.commonpath([path.parent for path in self.files])
        return [path.relative_to(root).as_posix() for path in self.files]


def find_benchmark(folder: Path) -> Benchmark:
    """Reads the layout ``HR/`` with an optional ``LR_bicubic/X2/``; a plain folder of images is all HR.

    Raises:
        InputError: If the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"benchmark {folder} is not a folder; give the folder that holds HR/")
    hr_folder, lr_folder = folder / "HR", folder / "LR_bicubic"
    files = list_images(hr_folder if hr_folder.is_dir() else folder)
    return Benchmark(folder.resolve().name, tuple(files), lr_folder if lr_folder.is_dir() else None)


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
        named = [(b, list(zip(b.files, b.image_names(), strict=True))) for b in benchmarks]
        items = [(b, path, name, scale) for b, images in named for scale in scales for path, name in images]
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
        kernel = "matlab" if self.lr_kernel is None else self.lr_kernel(scale)
        lr_folder = benchmark.lr_folder if kernel == "matlab" else None
        if lr_folder is not None and (folder := lr_folder / f"X{scale:g}").is_dir():
            lr_path = folder / f"{path.stem}x{scale:g}{path.suffix}"
            lr = _to_tensor(read_rgb(lr_path))
            _check_sizes(path, hr, lr_path, lr, scale)
            hr = _crop_to_multiple(hr, scale)
        else:
            _check_at_least_one_pixel(path, hr, scale)
            hr = _crop_to_multiple(hr, scale)
            lr = _reduce(hr, scale, kernel)
        return BenchmarkItem(benchmark.name, name, scale, lr, hr, gray)


def _to_tensor(pixels: UInt8Image) -> Tensor:
    return torch.tensor(pixels).permute(2, 0, 1).unsqueeze(0)


def _reduce(hr: Tensor, scale: float, kernel: LrKernel) -> Tensor:
    if kernel == "matlab":
        return imresize_uint8(hr, 1 / scale)
    height, width = (paired_size(size, scale)[0] for size in hr.shape[-2:])
    image = Image.fromarray(hr[0].permute(1, 2, 0).numpy())
    return _to_tensor(np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)))


def _crop_to_multiple(hr: Tensor, scale: float) -> Tensor:
    height, width = (paired_size(size, scale)[1] for size in hr.shape[-2:])
    return hr[..., :height, :width].contiguous()


def _check_at_least_one_pixel(path: Path, hr: Tensor, scale: float) -> None:
    if min(hr.shape[-2:]) < scale_fraction(scale).numerator:
        raise InputError(f"{path} has {hr.shape[-1]}×{hr.shape[-2]} pixels, too few for ×{scale:g}; remove it")


def _check_sizes(path: Path, hr: Tensor, lr_path: Path, lr: Tensor, scale: float) -> None:
    height, width = (paired_size(size, scale)[0] for size in hr.shape[-2:])
    if lr.shape[-2:] != (height, width):
        raise InputError(
            f"{lr_path} has {lr.shape[-1]}×{lr.shape[-2]} pixels, but {path} with {hr.shape[-1]}×{hr.shape[-2]} "
            f"needs {width}×{height} at ×{scale:g}; mend the pair, or remove {lr_path.parent} to have LR images made"
        )
