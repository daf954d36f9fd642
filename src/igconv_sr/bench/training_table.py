"""The table of training steps: on a GPU beside the authors' code, on a processor what a GPU would wait for."""

import torch

from igconv_sr.bench.result_table import Results
from igconv_sr.bench.training import CASES, PRECISIONS, RELEASED_ON, SMALL_PATCH, Case, StepCost, step_cost
from igconv_sr.system.console import quieten, say


def training(machine: str) -> Results:
    """Measures a step of every case, on a GPU at every precision.

    Args:
        machine: As the title has it.
    """
    quieten()
    on_gpu = torch.cuda.is_available()
    rows = [_row(case, precision, machine) for case in CASES for precision in (PRECISIONS if on_gpu else ("32-true",))]
    loop = "A training step of IGConv+ with data, logging and average"
    if on_gpu:
        return Results("training", f"{loop}; released: the authors' code, float32, on {RELEASED_ON} ({machine})", rows)
    patch = f"{SMALL_PATCH}×{SMALL_PATCH} patches"
    return Results("training", f"{loop}, {patch}: the time, and the operations that a GPU waits for ({machine})", rows)


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
