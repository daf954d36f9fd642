"""Data: from image files to training batches and benchmark images."""

from igconv_sr.data.benchmark import Benchmark, BenchmarkImages, BenchmarkItem, find_benchmark, find_benchmarks
from igconv_sr.data.crops import Batch, CropBatch
from igconv_sr.data.datamodule import MixedScaleData, SampleData
from igconv_sr.data.folders import FolderData, MixData, PublishedData

__all__ = [
    "Batch",
    "Benchmark",
    "BenchmarkImages",
    "BenchmarkItem",
    "CropBatch",
    "FolderData",
    "MixData",
    "MixedScaleData",
    "PublishedData",
    "SampleData",
    "find_benchmark",
    "find_benchmarks",
]
