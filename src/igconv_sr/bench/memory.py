"""Peak memory of a call."""

import contextlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(call: Callable[[], object], on_gpu: bool | None = None) -> int:
    """The most memory that a call held at once beyond what was held before it, in bytes.

    On a GPU that is ``torch.cuda.max_memory_allocated``. On the CPU it is the running sum of every allocation and
    release that PyTorch's profiler records: all tensors, those inside operators and of the backward pass too, but not
    what the libraries below PyTorch (MKL, oneDNN) take for themselves.

    Args:
        call: Is called once.
        on_gpu: Whose memory to look at; by default that of the GPU where there is one.
    """
    if torch.cuda.is_available() if on_gpu is None else on_gpu:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
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


def peak_bytes_of_processes(call: Callable[[], object]) -> int:
    """As :func:`peak_bytes`, of this process and those that it starts, as the system counts them.

    Pages that several of them share count once (proportional set size); the page cache does not count. Looked up every
    few milliseconds, one process after the other: while they start, shared pages may count twice.
    """
    before = peak = _held()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, _held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return peak - before


def _held() -> int:
    children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return sum(map(_proportional_set_size, ["self", *children.split()]))


def _proportional_set_size(process: str) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
        if size := re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE):
            return int(size[1]) * 1024
    return 0
