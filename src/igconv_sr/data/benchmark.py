"""Whole images with their LR versions, for validation and evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from igconv_sr.data.images import UInt8Image, list_images, read_rgb, read_rgb_and_gray
from igconv_sr.errors import InputError
from igconv_sr.functional.imresize import imresize_uint8


class BenchmarkItem(NamedTuple):
    """One image at one scale.

    Attributes:
        benchmark: Name of the benchmark.
        name: Name of the image.
        scale: r.
        lr: (1,3,H,W) uint8.
        hr: (1,3,r·H,r·W) uint8.
        gray: Whether the HR file holds a single channel.
    """

    benchmark: str
    name: str
    scale: int
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
    """

    def __init__(
        self, benchmarks: Sequence[Benchmark], scales: Sequence[int], rank: int = 0, world_size: int = 1
    ) -> None:
        items = [(b, path, scale) for b in benchmarks for scale in scales for path in b.files]
        self.items = items[rank::world_size]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> BenchmarkItem:
        """Reads one image.

        Raises:
            InputError: If a file cannot be read, an LR file is missing or the sizes disagree.
        """
        benchmark, path, scale = self.items[index]
        pixels, gray = read_rgb_and_gray(path)
        hr = _to_tensor(pixels)
        if benchmark.lr_folder is not None and (folder := benchmark.lr_folder / f"X{scale}").is_dir():
            lr_path = folder / f"{path.stem}x{scale}{path.suffix}"
            lr = _to_tensor(read_rgb(lr_path))
            _check_sizes(path, hr, lr_path, lr, scale)
            hr = _crop_to_multiple(hr, scale)
        else:
            _check_at_least_one_pixel(path, hr, scale)
            hr = _crop_to_multiple(hr, scale)
            lr = imresize_uint8(hr, 1 / scale)
        return BenchmarkItem(benchmark.name, path.stem, scale, lr, hr, gray)


def _to_tensor(pixels: UInt8Image) -> Tensor:
    return torch.tensor(pixels).permute(2, 0, 1).unsqueeze(0)


def _crop_to_multiple(hr: Tensor, scale: int) -> Tensor:
    height, width = (size // scale * scale for size in hr.shape[-2:])
    return hr[..., :height, :width].contiguous()


def _check_at_least_one_pixel(path: Path, hr: Tensor, scale: int) -> None:
    if min(hr.shape[-2:]) < scale:
        raise InputError(f"{path} has {hr.shape[-1]}×{hr.shape[-2]} pixels, too few for ×{scale}; remove it")


def _check_sizes(path: Path, hr: Tensor, lr_path: Path, lr: Tensor, scale: int) -> None:
    if any(big // scale != small for big, small in zip(hr.shape[-2:], lr.shape[-2:], strict=True)):
        raise InputError(
            f"{lr_path} has {lr.shape[-1]}×{lr.shape[-2]} pixels, but {path} with {hr.shape[-1]}×{hr.shape[-2]} "
            f"needs {hr.shape[-1] // scale}×{hr.shape[-2] // scale} at ×{scale}; "
            f"mend the pair, or remove {lr_path.parent} to have LR images made"
        )
