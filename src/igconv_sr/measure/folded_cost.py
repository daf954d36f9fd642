"""What a folded model costs at one scale: parameters, multiply-adds, latency, memory."""

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from igconv_sr.measure.comparison import elapsed
from igconv_sr.network import SRNet
from igconv_sr.system.peak_memory import peak_bytes

_MOST_REPEATS = 100

COUNTED = (
    "Multiply-adds are counted with torch.utils.flop_counter.FlopCounterMode on the meta device. It counts matrix "
    "products, convolutions and attention, and neither elementwise operations, norms and softmax nor the recurrence of "
    "the selective scan and IGSample's resampling."
)


class FoldedCost(NamedTuple):
    """What one model costs at one scale.

    Attributes:
        params: Of the model for all its scales, as stored.
        folded_params: Of the model for inference at this scale.
        macs: Multiply-adds of a pass, as :data:`COUNTED` says them.
        seconds: Median time of a pass, or None if memory did not suffice.
        peak: Memory in bytes beyond the weights and the LR image, or None.
        repeats: How many passes were timed.
    """

    params: int
    folded_params: int
    macs: int
    seconds: float | None
    peak: int | None
    repeats: int


def lr_size(height: int, width: int, scale: int) -> tuple[int, int]:
    """Height and width of the smallest LR image whose enlargement is at least so large."""
    return -(-height // scale), -(-width // scale)


@torch.no_grad()
def measure_cost(net: SRNet, scale: int, size: tuple[int, int], device: torch.device, seconds: float) -> FoldedCost:
    """Counts and times.

    Args:
        net: The model, in eval mode, on the CPU.
        scale: r.
        size: Height and width of the LR image.
        device: Where to run it.
        seconds: No further pass begins once these are over. The first pass, whose memory is recorded, warms up; on a
            CPU, if it takes longer than this, it is the one that counts, so that a large model is run only once.

    Raises:
        InputError: If the model does not serve the scale.
    """
    folded = net.fold([scale])
    params, folded_params = count(net), count(folded)
    counted = copy.deepcopy(folded).to("meta")
    macs = multiply_adds(counted, [torch.empty(1, 3, *size, device="meta"), scale])
    folded, lr = folded.to(device), torch.rand(1, 3, *size).to(device)

    def run() -> Tensor:
        image: Tensor = folded(lr, scale)
        return image

    first: list[float] = []
    try:
        peak = peak_bytes(lambda: first.append(elapsed(run)), device)
        # On a CPU a first pass of seconds took 0 to 18 % longer than later ones; a GPU's first pass never counts.
        times = first if device.type == "cpu" and first[0] > seconds else time_passes(run, seconds - first[0])
    except torch.OutOfMemoryError:
        return FoldedCost(params, folded_params, macs, None, None, 0)
    return FoldedCost(params, folded_params, macs, statistics.median(times), peak, len(times))


def time_passes(run: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each of up to 100 calls; none begins after ``seconds``, but for the first."""
    end = time.perf_counter() + seconds
    times = [elapsed(run)]
    while time.perf_counter() < end and len(times) < _MOST_REPEATS:
        times.append(elapsed(run))
    return times


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def multiply_adds(module: nn.Module, inputs: Sequence[Tensor | int]) -> int:
    """Multiply-adds of a pass that are counted, see :data:`COUNTED`."""
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2
