"""Time and memory of each upsampler alone, folded (Figure 1 of the paper)."""

import statistics
from typing import NamedTuple

import torch
from torch import Tensor

from igconv_sr.measure.comparison import elapsed
from igconv_sr.measure.counting import count
from igconv_sr.measure.nets import UPSAMPLERS, build
from igconv_sr.system.peak_memory import peak_bytes

MODEL = "edsr_baseline"
"""Has C=64 and the head of SPConv+ that the paper counts."""


class UpsamplerCost(NamedTuple):
    """Attributes: ``seconds`` is the median time, ``peak`` the memory in bytes beyond weights and features."""

    upsampler: str
    params: int
    seconds: float
    peak: int


def upsampler_costs(rounds: int, height: int = 360, width: int = 640) -> list[UpsamplerCost]:
    """Measures all upsamplers in turns, from C=64 features to ×2."""
    folded = {name: build(MODEL, name).upsampler.fold([2]) for name in UPSAMPLERS}
    features, lr = torch.rand(1, 64, height, width), torch.rand(1, 3, height, width)

    @torch.inference_mode()
    def run(name: str) -> Tensor:
        image: Tensor = folded[name](features, 2, lr)
        return image

    peaks = {name: peak_bytes(lambda name=name: run(name)) for name in folded}  # type: ignore[misc]
    times = [{name: elapsed(lambda name=name: run(name)) for name in folded} for _ in range(rounds)]  # type: ignore[misc]
    return [
        UpsamplerCost(name, count(upsampler), statistics.median(time[name] for time in times), peaks[name])
        for name, upsampler in folded.items()
    ]
