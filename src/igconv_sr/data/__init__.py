"""Data: from image files to training batches and benchmark images.

Modules are imported when something of theirs is asked for: reading a picture does not take torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igconv_sr.data.benchmark import Benchmark, BenchmarkImages, BenchmarkItem, find_benchmark, find_benchmarks
    from igconv_sr.data.blur_downscale_noise import BlurDownscaleNoise
    from igconv_sr.data.crops import Batch, CropBatch
    from igconv_sr.data.datamodule import MixedScaleData, SampleData
    from igconv_sr.data.folders import FolderData, MixData, PublishedData, RemoteData
    from igconv_sr.data.prefetch import Prefetch

_MODULES = {
    "Batch": "crops",
    "Benchmark": "benchmark",
    "BenchmarkImages": "benchmark",
    "BenchmarkItem": "benchmark",
    "BlurDownscaleNoise": "blur_downscale_noise",
    "CropBatch": "crops",
    "FolderData": "folders",
    "MixData": "folders",
    "MixedScaleData": "datamodule",
    "Prefetch": "prefetch",
    "PublishedData": "folders",
    "RemoteData": "folders",
    "SampleData": "datamodule",
    "find_benchmark": "benchmark",
    "find_benchmarks": "benchmark",
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
