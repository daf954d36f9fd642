"""Data: from image files to training batches and benchmark images.

Modules are imported when something of theirs is asked for: reading a picture does not take torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igconv_sr.data.batches.benchmark import (
        Benchmark,
        BenchmarkImages,
        BenchmarkItem,
        find_benchmark,
        find_benchmarks,
    )
    from igconv_sr.data.batches.blur_downscale_noise import BlurDownscaleNoise
    from igconv_sr.data.batches.crops import Batch, CropBatch
    from igconv_sr.data.batches.datamodule import MixedScaleData, SampleData
    from igconv_sr.data.batches.folder_datamodules import FolderData, MixData, PublishedData, RemoteData
    from igconv_sr.data.batches.prefetch import Prefetch

_MODULES = {
    "Batch": "batches.crops",
    "Benchmark": "batches.benchmark",
    "BenchmarkImages": "batches.benchmark",
    "BenchmarkItem": "batches.benchmark",
    "BlurDownscaleNoise": "batches.blur_downscale_noise",
    "CropBatch": "batches.crops",
    "FolderData": "batches.folder_datamodules",
    "MixData": "batches.folder_datamodules",
    "MixedScaleData": "batches.datamodule",
    "Prefetch": "batches.prefetch",
    "PublishedData": "batches.folder_datamodules",
    "RemoteData": "batches.folder_datamodules",
    "SampleData": "batches.datamodule",
    "find_benchmark": "batches.benchmark",
    "find_benchmarks": "batches.benchmark",
}

__all__ = [
    "Batch",
    "Benchmark",
    "BenchmarkImages",
    "BenchmarkItem",
    "BlurDownscaleNoise",
    "CropBatch",
    "FolderData",
    "MixData",
    "MixedScaleData",
    "Prefetch",
    "PublishedData",
    "RemoteData",
    "SampleData",
    "find_benchmark",
    "find_benchmarks",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"igconv_sr.data.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
