"""Means over seeds, and which of a column is best."""

import math
import statistics
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from igconv_sr.compare.differences import ImageKey
from igconv_sr.metrics import STANDARD
from igconv_sr.report.found_runs import Measured, Runs
from igconv_sr.report.variants import Variant, variant_of
from igconv_sr.runs.files import Row
from igconv_sr.runs.results import MEASURES, MORE_MEASURES

_BENCHMARKS = ("Set5", "Set14", "B100", "Urban100", "Manga109")
LOWER_IS_BETTER = ("lpips", "dists")
_ALL_MEASURES = (*MEASURES, *MORE_MEASURES)
_ROUNDING_DB, _ROUNDING = 1e-3, 1e-5
"""A tenth of the last digit that tables show; processors with other instructions differ by 1e-5 dB."""


class Column(NamedTuple):
    """What numbers must share to be compared.

    Attributes:
        benchmark: Its name.
        images: How many; a benchmark with an image more is another one.
        scale: r.
    """

    benchmark: str
    images: int
    scale: float

    @property
    def order(self) -> tuple[float, int, str, int]:
        """A key for sorting: the scale, then the benchmarks in the order of the literature."""
        place = _BENCHMARKS.index(self.benchmark) if self.benchmark in _BENCHMARKS else len(_BENCHMARKS)
        return self.scale, place, self.benchmark, self.images


class Value(NamedTuple):
    """A number of a table.

    Attributes:
        mean: Over the seeds.
        deviation: Standard deviation of a sample over the seeds; None for a single one.
        seeds: How many.
    """

    mean: float
    deviation: float | None
    seeds: int


@dataclass
class Scored:
    """All that one variant scored by one protocol.

    Attributes:
        rows: By column and seed.
        images: By seed and image.
        sources: Where it all stands.
    """

    rows: dict[Column, dict[str, Row]] = field(default_factory=dict)
    images: dict[str, dict[ImageKey, Row]] = field(default_factory=dict)
    sources: list[Measured] = field(default_factory=list)

    def value(self, column: Column, measure: str) -> Value | None:
        """Mean over the seeds that hold it; None if none does."""
        values = [float(row[measure]) for row in self.rows.get(column, {}).values() if row.get(measure)]
        if not values:
            return None
        deviation = statistics.stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else None
        return Value(math.fsum(values) / len(values), deviation, len(values))

    def without(self, columns: Container[Column]) -> "Scored":
        """The same without some columns."""
        kept = {column: rows for column, rows in self.rows.items() if column not in columns}
        return Scored(kept, self.images, self.sources)

    @property
    def seeds(self) -> list[str]:
        """All of them."""
        found = {seed for rows in self.rows.values() for seed in rows}
        return sorted(found, key=lambda seed: (len(seed), seed))


Rows = Mapping[Variant, Scored]
"""What variants scored by one protocol."""


def gather(runs: Runs) -> dict[str, dict[Variant, Scored]]:
    """Puts what was measured in order; what stands twice counts once, what disagrees stays apart.

    Notes of both are added to ``runs.skipped``.
    """
    marks = _disagreeing(runs.measured)
    scores: dict[str, dict[Variant, Scored]] = {}
    for measured in runs.measured:
        variant = variant_of(measured, str(measured.folder) if id(measured) in marks else "")
        scored = scores.setdefault(measured.source["protocol"], {}).setdefault(variant, Scored())
        if _add(scored, measured):
            scored.sources.append(measured)
        else:
            runs.skipped.append(f"{measured.folder} repeats what {scored.sources[0].folder} holds; it counts once.")
    return {
        protocol: dict(sorted(rows.items(), key=lambda item: item[0].order))
        for protocol, rows in sorted(scores.items(), key=_protocol_order)
    }


def _protocol_order(item: tuple[str, object]) -> tuple[bool, str]:
    return item[0] != STANDARD.name, item[0]


def _add(scored: Scored, measured: Measured) -> bool:
    """Adds what is new, also further measures of images that are there; whether there was anything."""
    new = False
    seed = measured.source["seed"]
    for (benchmark, scale), row in measured.means.items():
        rows = scored.rows.setdefault(Column(benchmark, int(row["images"]), scale), {})
        known = rows.get(seed, {})
        new |= any(row.get(name) and not known.get(name) for name in _ALL_MEASURES)
        rows[seed] = _completed(known, row)
    images = scored.images.setdefault(seed, {})
    for key, row in measured.images.items():
        images[key] = _completed(images.get(key, {}), row)
    return new


def _completed(known: Row, row: Row) -> Row:
    return {**row, **{name: value for name, value in known.items() if value}}


def _disagreeing(measured: Sequence[Measured]) -> set[int]:
    """Evaluations of the same variant and seed on the same images with other numbers."""
    seen: dict[object, list[tuple[Row, int]]] = {}
    for each in measured:
        for place, row in each.means.items():
            cell = variant_of(each), each.source["seed"], each.source["protocol"], place, row["images"]
            seen.setdefault(cell, []).append((row, id(each)))
    return {
        one
        for (first, *others) in seen.values()
        if not all(_agree(first[0], row) for row, _ in others)
        for _, one in (first, *others)
    }


def _agree(a: Row, b: Row) -> bool:
    """Whether what both hold is the same but for rounding, which differs between devices."""
    return all(
        math.isclose(float(a[name]), float(b[name]), rel_tol=0, abs_tol=_ROUNDING_DB if "psnr" in name else _ROUNDING)
        for name in _ALL_MEASURES
        if a.get(name) and b.get(name)
    )


def columns_of(scored: Iterable[Scored]) -> list[Column]:
    """All columns in which any of them has a number."""
    return sorted({column for each in scored for column in each.rows}, key=lambda column: column.order)


def measures_of(scored: Iterable[Scored], columns: Iterable[Column]) -> list[str]:
    """What to show: luma where it was measured, else colour, and the perceptual measures."""
    held = {
        name
        for each in scored
        for column in columns
        for row in each.rows.get(column, {}).values()
        for name, value in row.items()
        if value and name in _ALL_MEASURES
    }
    if "psnr_y" in held:
        held -= {"psnr_rgb", "ssim_rgb"}
    return [name for name in _ALL_MEASURES if name in held]


def shown(value: float, measure: str) -> str:
    """A value as tables show it: two decimals of dB, four of the others."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.2f}" if measure.startswith("psnr") else f"{value:.4f}"


def counted(images: int) -> str:
    """``5 images``."""
    return f"{images} image{'s' if images != 1 else ''}"


def ranks(values: Sequence[float | None], measure: str) -> list[int]:
    """1 for the best of a column, 2 for the second, 0 for the others.

    Numbers that a table shows alike share their place. Where all are alike, or there is only one, nothing is best.

    Example:
        >>> ranks([30.001, 30.004, 29.0, None, 28.0], "psnr_y")
        [1, 1, 2, 0, 0]
    """
    rounded = [None if value is None else float(shown(value, measure).replace("∞", "inf")) for value in values]
    places = sorted({value for value in rounded if value is not None}, reverse=measure not in LOWER_IS_BETTER)
    if len(places) < 2:
        return [0] * len(values)
    return [1 + places.index(value) if value in places[:2] else 0 for value in rounded]
