"""PSNR of trained models from the ``results.csv`` of their runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.runs.files import Row
from igconv_sr.runs.results import read_results

ModelKey = tuple[str, str, int]
"""Model, upsampler, scale."""

_ALIKE = ("fgrep", "params", "train_data", "steps", "weights_of", "images")
"""Columns, as far as a table has them, in which runs of a mean are alike: they differ in the seed alone."""

_SAME_DB = 1e-3
"""Two evaluations of one model differ less."""

_COLUMNS = ("model", "upsampler", "benchmark", "scale", "psnr_y", "protocol")


class MeasuredPsnr(NamedTuple):
    """PSNR on luma in dB.

    Attributes:
        benchmark: Where it was measured.
        values: Per model, upsampler and scale, the mean over the seeds.
    """

    benchmark: str
    values: Mapping[ModelKey, float]


def read_measured_psnr(paths: Sequence[Path], benchmark: str | None) -> MeasuredPsnr:
    """Reads the means of one benchmark from tables.

    Args:
        paths: ``results.csv``, or folders that hold it.
        benchmark: Which one; None for the first.

    Raises:
        InputError: If a table is missing or damaged, holds several protocols or no row of the benchmark, or two rows
            of a model, upsampler and scale differ in more than the seed.
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
    groups: dict[ModelKey, list[Row]] = {}
    for row in rows:
        if (scale := float(row["scale"])).is_integer():
            groups.setdefault((row["model"], row["upsampler"], int(scale)), []).append(row)
    return MeasuredPsnr(chosen, {key: _mean_over_seeds(key, members) for key, members in groups.items()})


def _mean_over_seeds(key: ModelKey, rows: Sequence[Row]) -> float:
    model, upsampler, scale = key
    start = f"--results: rows of {model} + {upsampler} ×{scale} differ in"
    end = "and would be averaged; give the runs of one training, which may have several seeds"
    for name in _ALIKE:
        if len(found := sorted({row.get(name, "") for row in rows})) > 1:
            raise InputError(f"{start} {name} ({', '.join(value or 'empty' for value in found)}) {end}")
    by_seed: dict[str, float] = {}
    for number, row in enumerate(rows):
        seed, value = row.get("seed", f"row {number}"), float(row["psnr_y"])
        if abs(by_seed.setdefault(seed, value) - value) > _SAME_DB:
            raise InputError(f"{start} what trained them, as both are of seed {seed or 'none'}, {end}")
    return mean(by_seed.values())
