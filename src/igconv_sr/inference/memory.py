"""How much memory there is, and how much a network takes.

Legend: H and W size of the LR image, r scale.
"""

import resource
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from igconv_sr.inference.enlargement import network_scale
from igconv_sr.system.peak_memory import peak_bytes

_UNKNOWN = 2 * 2**30
"""Assumed where the system does not say how much is free."""

_BESIDE = 1.5
"""The libraries below PyTorch take memory of their own, and blocks do not fit each other exactly."""

_PROBE = 96
"""Side of the image that a network's memory is measured with, in LR pixels."""


def free_bytes(device: torch.device) -> int:
    """The memory that this process may still take: the least of what the machine, its container and ulimit leave."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(_limits(), default=_UNKNOWN)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out, of a GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)


def _limits() -> Iterator[int]:
    if (available := _field(Path("/proc/meminfo"), "MemAvailable")) is not None:
        yield available
    group = Path("/sys/fs/cgroup")
    limit, used = (_number(group / f"memory.{name}") for name in ("max", "current"))
    if limit is not None and used is not None:
        # What files occupy of the group's memory is given back on demand.
        yield max(limit - used + (_statistic(group / "memory.stat", "inactive_file") or 0), 0)
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if space != resource.RLIM_INFINITY and (taken := _field(Path("/proc/self/status"), "VmSize")) is not None:
        yield max(space - taken, 0)


def _field(file: Path, name: str) -> int | None:
    """A line ``Name:  123 kB`` in bytes."""
    return None if (kilobytes := _statistic(file, f"{name}:")) is None else kilobytes * 1024


def _statistic(file: Path, name: str) -> int | None:
    if not file.is_file():
        return None
    words = (line.split() for line in file.read_text().splitlines())
    return next((int(line[1]) for line in words if line and line[0] == name), None)


def _number(file: Path) -> int | None:
    return int(text) if file.is_file() and (text := file.read_text().strip()).isdecimal() else None


@torch.inference_mode()
def bytes_per_pixel(run: Callable[[Tensor, int | float], Tensor], scale: Fraction, device: torch.device) -> float:
    """Peak memory of a network per LR pixel, output included, measured at a small image and taken with a margin.

    Args:
        run: Maps (1,3,H,W) and r to (1,3,r·H,r·W).
        scale: r.
        device: Where it computes.
    """
    lr = torch.rand(1, 3, _PROBE, _PROBE, device=device)
    peak = peak_bytes(lambda: run(lr, network_scale(scale)), device)
    return _BESIDE * peak / _PROBE**2
