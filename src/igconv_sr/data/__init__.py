"""Data: from image files to training batches and benchmark images.

Modules are imported when something of theirs is asked for: listing files does not take torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igconv_sr.data.batches.benchmark import Benchmark as Benchmark
    from igconv_sr.data.batches.benchmark import BenchmarkImages as BenchmarkImages
    from igconv_sr.data.batches.benchmark import BenchmarkItem as BenchmarkItem
    from igconv_sr.data.batches.benchmark import find_benchmark as find_benchmark
    from igconv_sr.data.batches.benchmark import find_benchmarks as find_benchmarks
    from igconv_sr.data.batches.blur_downscale_noise import BlurDownscaleNoise as BlurDownscaleNoise
    from igconv_sr.data.batches.crops import Batch as Batch
    from igconv_sr.data.batches.datamodule import MixedScaleData as MixedScaleData
    from igconv_sr.data.batches.datamodule import SampleData as SampleData
    from igconv_sr.data.batches.folder_datamodules import FolderData as FolderData
    from igconv_sr.data.batches.folder_datamodules import MixData as MixData
    from igconv_sr.data.batches.folder_datamodules import PublishedData as PublishedData
    from igconv_sr.data.batches.folder_datamodules import RemoteData as RemoteData
    from igconv_sr.data.batches.prefetch import Prefetch as Prefetch

_NAMES = {
    "benchmark": ("Benchmark", "BenchmarkImages", "BenchmarkItem", "find_benchmark", "find_benchmarks"),
    "blur_downscale_noise": ("BlurDownscaleNoise",),
    "crops": ("Batch",),
    "datamodule": ("MixedScaleData", "SampleData"),
    "folder_datamodules": ("FolderData", "MixData", "PublishedData", "RemoteData"),
    "prefetch": ("Prefetch",),
}


def __getattr__(name: str) -> Any:
    for module, names in _NAMES.items():
        if name in names:
            return getattr(importlib.import_module(f"igconv_sr.data.batches.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
