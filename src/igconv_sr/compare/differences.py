"""Two runs image by image: mean differences with a paired bootstrap interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from igconv_sr.errors import InputError
from igconv_sr.runs.files import Row
from igconv_sr.runs.results import FILE_NAME, MEASURES, MORE_MEASURES, PER_IMAGE, read_results_per_image

ImageKey = tuple[str, float, str]
"""Benchmark, scale and image."""

RESAMPLES = 10_000
CONFIDENCE = 0.95
_NEEDED = ("benchmark", "image", "scale", "protocol", "model", "upsampler", "checkpoint", *MEASURES)


class RunTable(NamedTuple):
    """The table of one run.

    Attributes:
        path: The file.
        protocol: The one protocol of all rows.
        rows: By image.
    """

    path: Path
    protocol: str
    rows: Mapping[ImageKey, Row]

    @property
    def title(self) -> str:
        """Name of the model."""
        row = next(iter(self.rows.values()))
        return " + ".join(name for name in (row["model"], row["upsampler"]) if name)


class Pair(NamedTuple):
    """One image in both runs.

    Attributes:
        key: Which image.
        a: Its row in run A.
        b: Its row in run B.
    """

    key: ImageKey
    a: Row
    b: Row

    def difference(self, measure: str) -> float:
        """B - A."""
        return float(self.b[measure]) - float(self.a[measure])


class Difference(NamedTuple):
    """Mean difference B - A of one measure on one benchmark at one scale, the columns of compare.csv.

    Attributes:
        benchmark: Name of the benchmark.
        scale: r.
        images: How many pairs.
        measure: Column of the results.
        mean_a: Mean of run A.
        mean_b: Mean of run B.
        difference: B - A.
        low: Lower end of the 95 % interval; None for a single image.
        high: Upper end.
        protocol: How images were compared, in both.
    """

    benchmark: str
    scale: float
    images: int
    measure: str
    mean_a: float
    mean_b: float
    difference: float
    low: float | None
    high: float | None
    protocol: str


def read_run(path: Path) -> RunTable:
    """Reads the results per image of a run.

    Args:
        path: The folder of a run, or the file itself.

    Raises:
        InputError: If there is no such table, or it is damaged, holds an image twice, or several protocols.
    """
    path = path.parent if path.name == FILE_NAME else path
    rows = [row for _, row in read_results_per_image(path, _NEEDED)]
    path = path / PER_IMAGE if path.is_dir() else path
    protocols = sorted({row["protocol"] for row in rows})
    if len(protocols) != 1:
        raise InputError(
            f"{path} holds {len(protocols)} protocols ({', '.join(protocols)}); it must be one: evaluate "
            "with the tile= that one of them names"
        )
    return RunTable(path, protocols[0], _by_key(path, rows))


def _by_key(path: Path, rows: Sequence[Row]) -> dict[ImageKey, Row]:
    found: dict[ImageKey, Row] = {}
    for row in rows:
        key = row["benchmark"], float(row["scale"]), row["image"]
        if key in found:
            raise InputError(f"{path} holds {_in_words(key)} twice")
        found[key] = row
    return found


def _in_words(key: ImageKey) -> str:
    benchmark, scale, image = key
    return f"{image} of {benchmark} at ×{scale:g}"


def pair_images(a: RunTable, b: RunTable) -> list[Pair]:
    """The images of the benchmarks and scales that both runs hold.

    Raises:
        InputError: If the protocols differ, no benchmark and scale is in both, or one of these lacks an image in a run.
    """
    if a.protocol != b.protocol:
        raise InputError(
            f"{a.path} is by protocol {a.protocol} and {b.path} by {b.protocol}; evaluate both by the same one"
        )
    shared = _cells(a) & _cells(b)
    if not shared:
        raise InputError(f"{a.path} and {b.path} share no benchmark at any scale; evaluate both on the same")
    keys = sorted(key for key in a.rows.keys() | b.rows.keys() if key[:2] in shared)
    for key in keys:
        for run in (a, b):
            if key not in run.rows:
                raise InputError(f"{run.path} lacks {_in_words(key)}; evaluate both on the same images")
    return [Pair(key, a.rows[key], b.rows[key]) for key in keys]


def left_out(a: RunTable, b: RunTable) -> list[str]:
    """Benchmarks and scales that only one of the runs holds, in words."""
    return [
        f"{benchmark} ×{scale:g} is only in {own.path}"
        for own, other in ((a, b), (b, a))
        for benchmark, scale in sorted(_cells(own) - _cells(other))
    ]


def _cells(run: RunTable) -> set[tuple[str, float]]:
    return {key[:2] for key in run.rows}


def measures(pairs: Sequence[Pair]) -> list[str]:
    """The measures that all rows of both runs hold.

    Raises:
        InputError: If there is none.
    """
    names = [
        name for name in (*MEASURES, *MORE_MEASURES) if all(row.get(name) for pair in pairs for row in (pair.a, pair.b))
    ]
    if not names:
        raise InputError(f"the runs share none of the measures {', '.join((*MEASURES, *MORE_MEASURES))}")
    return names


def differences(pairs: Sequence[Pair], protocol: str) -> list[Difference]:
    """Mean differences per benchmark, scale and measure.

    Raises:
        InputError: If a value is infinite: no difference can be computed from an image that a model hit exactly.
    """
    cells: dict[tuple[str, float], list[Pair]] = {}
    for pair in pairs:
        cells.setdefault(pair.key[:2], []).append(pair)
    found = []
    for (benchmark, scale), members in cells.items():
        for name in measures(pairs):
            a, b = (
                np.array([float(row[name]) for row in rows]) for rows in zip(*(p[1:] for p in members), strict=True)
            )
            for pair, value in zip(members, b - a, strict=True):
                if not np.isfinite(value):
                    raise InputError(
                        f"{name} of {_in_words(pair.key)} is not finite; leave that image out of both runs"
                    )
            low, high = interval(b - a)
            means = float(a.mean()), float(b.mean()), float((b - a).mean())
            found.append(Difference(benchmark, scale, len(members), name, *means, low, high, protocol))
    return found


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float] | tuple[None, None]:
    """The 95 % percentile bootstrap interval of the mean of paired differences, always the same for the same values.

    Args:
        values: One difference per image; a single one has no interval.
    """
    if len(values) < 2:
        return None, None
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
