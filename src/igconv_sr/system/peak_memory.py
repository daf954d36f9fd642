"""Peak memory of a call."""

from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(call: Callable[[], object], device: torch.device | None = None) -> int:
    """The most memory that a call held at once beyond what was held before it, in bytes.

    On a GPU that is ``torch.cuda.max_memory_allocated``. On the CPU it is the running sum of every allocation and
    release that PyTorch's profiler records: all tensors, those inside operators and of the backward pass too, but not
    what the libraries below PyTorch (MKL, oneDNN) take for themselves.

    Args:
        call: Is called once.
        device: Whose memory to look at; by default that of the GPU where there is one.
    """
    if torch.cuda.is_available() if device is None else device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded:
        call()
    assert recorded.profiler is not None
    assert recorded.profiler.kineto_results is not None
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak
