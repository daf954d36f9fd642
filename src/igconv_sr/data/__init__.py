"""Data: from image files to training batches and benchmark images."""

from igconv_sr.data.benchmark import Benchmark, BenchmarkImages, BenchmarkItem, find_benchmark
from igconv_sr.data.blur_downscale_noise import BlurDownscaleNoise
from igconv_sr.data.crops import Batch, CropBatch
from igconv_sr.data.datamodule import FolderData, MixedScaleData, SampleData

__all__ = [
    "Batch",
    "Benchmark",
    "BenchmarkImages",
    "BenchmarkItem",
    "BlurDownscaleNoise",
    "CropBatch",
    "FolderData",
    "MixedScaleData",
    "SampleData",
    "find_benchmark",
]
