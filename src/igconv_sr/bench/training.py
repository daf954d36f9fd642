"""A step of the real training loop: its time, what Python and the GPU have of it, and its number of operations."""

import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import profile

from igconv_sr.bench.training_loop import run_training
from igconv_sr.system.console import quieten, say


class Case(NamedTuple):
    """What is trained.

    Attributes:
        model: Its name.
        rows: Patches of a step.
        patch: Their side in LR pixels, on a GPU.
        released_ms: A step of the authors' code in float32 with as many patches, the mean over ×2, ×3 and ×4, on
            :data:`RELEASED_ON`; None where it was not measured.
    """

    model: str
    rows: int
    patch: int
    released_ms: float | None


RELEASED_ON = "NVIDIA H200"

CASES = (
    Case("edsr_baseline", 96, 64, None),
    Case("smfanet", 48, 64, 67.5),
    Case("edsr", 15, 48, 68.0),
    Case("edsr", 16, 48, None),  # as published: no multiple of the scales, so that batches are of several kinds
    Case("hit_srf", 15, 64, 176.1),
    Case("hat", 9, 64, 328.1),
    Case("srformer", 9, 64, 244.3),
    Case("atd", 9, 64, 544.3),
)

PRECISIONS = ("32-true", "bf16-mixed")

SMALL_PATCH = 16
"""Side of the patches on a processor, where operations are counted and Python is timed, whatever that side."""


@dataclass
class StepCost:
    """What a step costs.

    Attributes:
        host_ms: Until its Python has returned; on a processor that is the whole step.
        operations: Of torch that call no other one; mean of two steps, one of which is logged.
        wall_ms: Of one step after another; None on a processor.
        gpu_ms: That the GPU works; None on a processor.
        launches: Of kernels and of graphs of them; None on a processor.
        peak_mib: Of the GPU's memory; None on a processor.
    """

    host_ms: float = 0.0
    operations: int = 0
    wall_ms: float | None = None
    gpu_ms: float | None = None
    launches: int | None = None
    peak_mib: float | None = None


def step_cost(case: Case, *overrides: str) -> StepCost:
    """Runs a training of a few steps, on a GPU where there is one.

    Args:
        case: What is trained.
        overrides: Further ``key=value`` of ``igconv-sr train``.
    """
    on_gpu = torch.cuda.is_available()
    watch = _Watch(_GPU_STEPS if on_gpu else _CPU_STEPS)
    own = [
        *(f"model={case.model}", f"data.lr_patch_size={case.patch if on_gpu else SMALL_PATCH}"),
        *(f"data.global_batch_size={case.rows}", f"data.max_batch_per_device={case.rows}"),
        *(f"trainer.max_steps={watch.steps.end + 1}", f"trainer.log_every_n_steps={(watch.steps.counted + 1) // 2}"),
    ]
    if on_gpu:
        own.append("data.num_workers=4")  # as with the sets that research trains on
    with torch.device("cpu"):  # a training moves its tensors itself
        run_training([*own, *overrides], watch)
    return watch.cost


class _Steps(NamedTuple):
    """Numbers of the steps at which a part of the measurement begins; what comes before the first warms up."""

    timed: int
    counted: int  # this step is the second one logged, the next is not
    alone: int
    end: int


_CPU_STEPS = _Steps(2, 5, 7, 7)
_GPU_STEPS = _Steps(10, 39, 41, 46)


class _Watch(Callback):
    """Looks at the clock where a step begins: a step with all that belongs to it lies between two such places."""

    def __init__(self, steps: _Steps) -> None:
        self.steps, self.cost = steps, StepCost()
        self._starts: list[float] = []
        self._alone: list[float] = []
        self._profile: Any = None

    def on_train_batch_start(
        self,
        trainer: Trainer,  # noqa: ARG002 (Lightning's hook)
        pl_module: LightningModule,
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Ends the part that a step belonged to and begins the next."""
        steps, on_gpu = self.steps, pl_module.device.type == "cuda"
        if steps.alone < batch_idx <= steps.end:
            self._alone.append(time.perf_counter() - self._starts[-1])
        if on_gpu and (batch_idx in steps or batch_idx > steps.alone):
            torch.cuda.synchronize()
        if batch_idx == steps.alone:
            self._profile.stop()
            self._count(on_gpu)
        self._starts.append(time.perf_counter())
        if batch_idx == steps.counted:
            timed = [end - start for start, end in pairwise(self._starts[steps.timed :])]
            self.cost.host_ms = 1000 * statistics.median(timed)
            self.cost.wall_ms = 1000 * statistics.mean(timed) if on_gpu else None
            self._profile = profile()
            self._profile.start()
        if batch_idx == steps.end and on_gpu:
            self.cost.host_ms = 1000 * statistics.median(self._alone)
            self.cost.peak_mib = torch.cuda.max_memory_allocated() / 2**20

    def _count(self, on_gpu: bool) -> None:
        events = self._profile.events()
        self.cost.operations = round(leaf_operations(events).total() / 2)
        if on_gpu:
            self.cost.launches = round(sum("Launch" in event.name for event in events) / 2)
            # Ranges that torch names lie over the kernels in them.
            named = ("Optimizer.", "ProfilerStep", "##")
            on_device = [e for e in events if e.device_type.name == "CUDA" and not e.name.startswith(named)]
            self.cost.gpu_ms = sum(event.self_device_time_total for event in on_device) / 2e3


def leaf_operations(events: Iterable[FunctionEvent]) -> Counter[str]:
    """How often each of torch's operations ran that called no other one: what a GPU waits for while Python issues them.

    Args:
        events: Of torch's profiler.

    Example:
        >>> import torch
        >>> from torch.profiler import profile
        >>> with profile() as profiled:
        ...     _ = torch.ones(3).exp_()
        >>> sorted(leaf_operations(profiled.events()).elements())
        ['aten::empty', 'aten::exp_', 'aten::fill_']
    """
    own = [event for event in events if event.name.startswith("aten::")]
    inner = {id(parent) for event in own for parent in _above(event)}
    return Counter(event.name for event in own if id(event) not in inner)


def _above(event: FunctionEvent) -> Iterable[FunctionEvent]:
    while (parent := event.cpu_parent) is not None:
        yield parent
        event = parent


def training(machine: str) -> tuple[str, list[dict[str, str]]]:
    """Measures a step of every case, on a GPU at every precision: title and rows of the table.

    On a GPU the steps stand beside those of the authors' code, on a processor with what a GPU would wait for.

    Args:
        machine: As the title has it.
    """
    quieten()
    on_gpu = torch.cuda.is_available()
    rows = [_row(case, precision, machine) for case in CASES for precision in (PRECISIONS if on_gpu else ("32-true",))]
    loop = "A training step of IGConv+ with data, logging and average"
    if on_gpu:
        return f"{loop}; released: the authors' code, float32, on {RELEASED_ON} ({machine})", rows
    patch = f"{SMALL_PATCH}×{SMALL_PATCH} patches"
    return f"{loop}, {patch}: the time, and the operations that a GPU waits for ({machine})", rows


def _row(case: Case, precision: str, machine: str) -> dict[str, str]:
    patch = case.patch if torch.cuda.is_available() else SMALL_PATCH
    say(f"Measuring a training step of {case.model}, {case.rows} patches of {patch}², {precision}")
    cost = step_cost(case, f"trainer.precision={precision}")
    row = {"encoder": case.model, "patches": f"{case.rows} × {patch}²", "host ms": f"{cost.host_ms:.1f}"}
    row["operations"] = f"{cost.operations:,}"
    return row if cost.wall_ms is None else row | _on_gpu(case, precision, cost, machine)


def _on_gpu(case: Case, precision: str, cost: StepCost, machine: str) -> dict[str, str]:
    released, ratio = "", ""
    if case.released_ms is not None and cost.wall_ms is not None:
        released = f"{case.released_ms:.1f}"
        ratio = f"{case.released_ms / cost.wall_ms:.2f}" if RELEASED_ON in machine else ""
    return {
        "precision": precision,
        "wall ms": f"{cost.wall_ms:.1f}",
        "launches": f"{cost.launches:,}",
        "GPU ms": f"{cost.gpu_ms:.1f}",
        "peak MiB": f"{cost.peak_mib:.0f}",
        "released ms": released,
        "released / ours": ratio,
    }
