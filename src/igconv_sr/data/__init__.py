"""Data: from image files to training batches and benchmark images."""

from igconv_sr.data.benchmark import Benchmark, BenchmarkImages, BenchmarkItem, find_benchmark
from igconv_sr.data.crops import Batch, CropBatch
from igconv_sr.data.datamodule import FolderData, MixedScaleData, SampleData
from igconv_sr.data.prefetch import Prefetch

__all__ = [
    "Batch",
    "Benchmark",
    "BenchmarkImages",
    "BenchmarkItem",
    "CropBatch",
    "FolderData",
    "MixedScaleData",
    "Prefetch",
    "SampleData",
    "find_benchmark",
]
