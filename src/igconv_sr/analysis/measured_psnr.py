"""PSNR of trained models from the ``results.csv`` of their runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.runs.results import read_results

ModelKey = tuple[str, str, int]
"""Model, upsampler, scale."""

_COLUMNS = ("model", "upsampler", "benchmark", "scale", "psnr_y", "protocol")


class MeasuredPsnr(NamedTuple):
    """PSNR on luma in dB.

    Attributes:
        benchmark: Where it was measured.
        values: Per model, upsampler and scale, the mean over the runs.
    """

    benchmark: str
    values: Mapping[ModelKey, float]


def read_measured_psnr(paths: Sequence[Path], benchmark: str | None) -> MeasuredPsnr:
    """Reads the means of one benchmark from tables.

    Args:
        paths: ``results.csv``, or folders that hold it.
        benchmark: Which one; None for the first.

    Raises:
        InputError: If a table is missing or damaged, holds several protocols, or no row of the benchmark.
    """
    rows = [row for path in paths for _, row in read_results(path, _COLUMNS)]
    rows = [row for row in rows if row["psnr_y"]]
    if not rows:
        raise InputError("--results: the tables hold no psnr_y")
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    chosen = names[0] if benchmark is None else benchmark
    if chosen not in names:
        raise InputError(f"--benchmark {chosen}: the tables hold {', '.join(names)}{did_you_mean(chosen, names)}")
    rows = [row for row in rows if row["benchmark"] == chosen]
    protocols = {row["protocol"] for row in rows}
    if len(protocols) > 1:
        raise InputError(f"--results: rows of different protocols ({', '.join(sorted(protocols))}) cannot be compared")
    values: dict[ModelKey, list[float]] = {}
    for row in rows:
        if (scale := float(row["scale"])).is_integer():
            values.setdefault((row["model"], row["upsampler"], int(scale)), []).append(float(row["psnr_y"]))
    return MeasuredPsnr(chosen, {key: mean(found) for key, found in values.items()})
