"""Ours against a plain implementation, measured alternately."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from igconv_sr.system.peak_memory import peak_bytes

Side = Callable[[], Sequence[Tensor]]
"""One call of what is measured; returns outputs and gradients, for the tests to compare."""

_FAST = 0.5
"""Seconds: of calls that take fewer seconds, each round takes the best of three."""


@dataclass(frozen=True)
class Comparison:
    """Ours against a plain implementation.

    Attributes:
        name: What is compared.
        ours: One call of ours.
        reference: One call of the other.
        limit: The ratio of the times ours/reference that we mean to keep.
        memory_limit: The ratio of the peak memory that we mean to keep, or None if it is not measured.
        memory_base: Bytes that our peak is compared with; None for the reference's peak.
        memory: Measures the peak memory of a call, in bytes.
    """

    name: str
    ours: Side
    reference: Side
    limit: float
    memory_limit: float | None = None
    memory_base: int | None = None
    memory: Callable[[Callable[[], object]], int] = peak_bytes


@dataclass(frozen=True)
class Measurement:
    """What was found for a comparison.

    Attributes:
        comparison: What was compared.
        ours: Median time of ours in seconds.
        reference: Median time of the other in seconds.
        ratio: Median of the rounds' ratios.
        rounds: How many rounds there was time for.
        peak: Peak memory of ours and what it is compared with in bytes, or None if it was not measured.
    """

    comparison: Comparison
    ours: float
    reference: float
    ratio: float
    rounds: int
    peak: tuple[int, int] | None


def with_gradients(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The outputs, and the gradients of their sum by the inputs: a forward and a backward pass."""
    gradients = torch.autograd.grad(outputs, inputs, [torch.ones_like(output) for output in outputs])
    return *(output.detach() for output in outputs), *gradients


def measure(comparison: Comparison, rounds: int, seconds: float) -> Measurement:
    """Alternates both sides, each round in the other order, so that drifts of the machine hit both alike.

    Args:
        comparison: What to compare.
        rounds: How many rounds at most.
        seconds: No round begins later. If the first calls, which otherwise do not count, take longer, they count.
    """
    sides = (comparison.ours, comparison.reference)
    first = [elapsed(side) for side in sides]
    peak = None if comparison.memory_limit is None else _peaks(comparison)
    repeats = 3 if max(first) < _FAST else 1
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds - sum(first)
    for number in range(rounds):
        if time.perf_counter() > end:
            break
        for index in ((0, 1), (1, 0))[number % 2]:
            times[index].append(min(elapsed(sides[index]) for _ in range(repeats)))
    if not times[0]:
        times = ([first[0]], [first[1]])
    ours, reference = (statistics.median(values) for values in times)
    ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
    return Measurement(comparison, ours, reference, ratio, len(times[0]), peak)


def _peaks(comparison: Comparison) -> tuple[int, int]:
    base = comparison.memory_base
    return comparison.memory(comparison.ours), comparison.memory(comparison.reference) if base is None else base


def elapsed(call: Callable[[], object]) -> float:
    """Seconds that a call takes; on a GPU until it is done there too."""
    _wait()
    start = time.perf_counter()
    call()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
