"""What it takes to serve all scales: parameters to store, time to train, latency; as a table and as scatters."""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from igconv_sr.report.document import Heading, ReportFigure, Table, TableCell
from igconv_sr.report.figures import Point, draw_scatter, mark_of, picture, slug, slugs
from igconv_sr.report.seed_means import Column, Rows, columns_of, counted
from igconv_sr.report.variants import Labels, Variant, scales_in_words
from igconv_sr.runs.files import Row


class Setting(NamedTuple):
    """What latencies must share to be compared.

    Attributes:
        device: Name of the device.
        threads: Of a CPU; empty otherwise.
        height: Of the output image.
        width: Of the output image.
    """

    device: str
    threads: str
    height: str
    width: str

    def __str__(self) -> str:
        threads = f", {self.threads} thread{'s' if self.threads != '1' else ''}" if self.threads else ""
        return f"{self.device}{threads}, {self.width}×{self.height}"


@dataclass(frozen=True)
class Family:
    """One model for several scales, or several models for one scale each.

    Attributes:
        members: By the scales of their training.
        scored: What each scored.
    """

    members: Sequence[Variant]
    scored: Rows

    @property
    def scales(self) -> tuple[float, ...]:
        """All scales that it serves."""
        return tuple(sorted({scale for member in self.members for scale in member.scales}))

    @property
    def name_of(self) -> Variant:
        """The member that the others are named by."""
        return self.members[0]

    @property
    def params(self) -> int:
        """Parameters stored for all scales."""
        return sum(member.params for member in self.members)

    def psnr(self, benchmark: str, images: int) -> float | None:
        """Mean over the scales of the PSNR on luma in dB; None if a scale was not measured."""
        values = []
        for member in self.members:
            for scale in member.scales:
                value = self.scored[member].value(Column(benchmark, images, scale), "psnr_y")
                if value is None or not math.isfinite(value.mean):
                    return None
                values.append(value.mean)
        return math.fsum(values) / len(values)

    def training(self) -> tuple[str, float] | None:
        """Device and its hours to train for all scales, mean over the seeds; None if not all were recorded."""
        devices, hours = set(), 0.0
        for member in self.members:
            runs = {id(source.training): source.training for source in self.scored[member].sources}
            costs = [training.cost for training in runs.values() if training]
            if not costs or not all({"device", "train_seconds"} <= cost.keys() for cost in costs):
                return None
            devices |= {str(cost["device"]) for cost in costs}
            hours += statistics.fmean(float(c["train_seconds"]) * int(c.get("devices", 1)) for c in costs) / 3600
        return (devices.pop(), hours) if len(devices) == 1 else None

    def latency(self, rows: Sequence[Row], setting: Setting) -> float | None:
        """Mean over the scales in milliseconds; None if one was not measured."""
        values = []
        for member in self.members:
            for scale in member.scales:
                same = [
                    float(row["latency_ms"])
                    for row in rows
                    if is_of(row, member) and float(row["scale"]) == scale and setting_of(row) == setting
                ]
                if not same:
                    return None
                values.append(statistics.median(same))
        return math.fsum(values) / len(values)


def is_of(row: Row, variant: Variant) -> bool:
    """Whether a row of efficiency.csv is of a variant: a head for one scale folds to what a model of that scale is."""
    sizes = [int(row[name]) for name in ("params", "folded_params") if row.get(name)]
    same = (row["model"], row["upsampler"]) == (variant.model, variant.upsampler)
    return same and variant.params in sizes and bool(row["latency_ms"])


def setting_of(row: Row) -> Setting:
    """The setting in which a row of efficiency.csv was measured."""
    setting = Setting(*(row[name] for name in Setting._fields))
    return setting if setting.device == "cpu" else setting._replace(threads="")


def families(rows: Rows) -> list[Family]:
    """Groups models of one scale each that are alike but for the scale; others stand alone.

    Args:
        rows: Of one protocol and training data.
    """
    groups: dict[Variant, list[Variant]] = {}
    for variant in rows:
        if variant.scales:
            key = variant.without_scales() if len(variant.scales) == 1 else variant
            groups.setdefault(key, []).append(variant)
    return [Family(sorted(members, key=lambda v: v.scales), rows) for members in groups.values()]


class SameScales(NamedTuple):
    """Families that serve the same scales, trained on the same data.

    Attributes:
        scales: Which.
        families: More than one.
        benchmarks: Names and numbers of images.
    """

    scales: tuple[float, ...]
    families: Sequence[Family]
    benchmarks: Sequence[tuple[str, int]]


def of_same_scales(rows: Rows) -> Iterator[SameScales]:
    """What can be compared by cost."""
    groups: dict[tuple[float, ...], list[Family]] = {}
    for family in families(rows):
        groups.setdefault(family.scales, []).append(family)
    for scales, members in sorted(groups.items()):
        columns = columns_of(rows[variant] for family in members for variant in family.members)
        benchmarks = list(dict.fromkeys((column.benchmark, column.images) for column in columns))
        yield SameScales(scales, members, [b for b in benchmarks if any(f.psnr(*b) is not None for f in members)])


def cost_table(group: SameScales, protocol: str, data: str, efficiency: Sequence[Row], labels: Labels) -> Table:
    """What each family costs and reaches."""
    settings = sorted({setting_of(row) for row in efficiency})
    headings = [Heading("model", number=False), Heading("models"), Heading("params in all")]
    headings += [Heading("hours of training"), *(Heading(f"ms on {setting}") for setting in settings)]
    headings += [Heading("PSNR Y", f"{name}, {counted(images)}") for name, images in group.benchmarks]
    rows = []
    for family in group.families:
        training = family.training()
        latencies = [family.latency(efficiency, setting) for setting in settings]
        quality = [family.psnr(*benchmark) for benchmark in group.benchmarks]
        rows.append(
            [
                TableCell(family.name_of.name, note="; ".join(labels.details(family.name_of))),
                TableCell(str(len(family.members)), note=f"{family.name_of.steps:,} steps each"),
                TableCell(f"{family.params:,}"),
                TableCell("–") if training is None else TableCell(f"{training[1]:.3g}", note=training[0]),
                *(TableCell("–" if latency is None else f"{latency:.3g}") for latency in latencies),
                *(TableCell("–" if value is None else f"{value:.2f}") for value in quality),
            ]
        )
    note = (
        "Models for one scale each count together: their parameters and hours are added, their latencies averaged. "
        "Hours are those of one device times their number, as cost.json says. PSNR is the mean over the scales."
    )
    return Table(f"{scales_in_words(group.scales)}, trained on {data}, protocol {protocol}", headings, rows, note)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def scatters(
    group: SameScales, where: str, start: str, efficiency: Sequence[Row], labels: Labels
) -> Iterator[tuple[str, ReportFigure]]:
    """Quality against parameters, hours of training and latency, per encoder and benchmark; each with its encoder."""
    names = slugs(group.benchmarks)
    for model in dict.fromkeys(family.name_of.model for family in group.families):
        members = [family for family in group.families if family.name_of.model == model]
        for benchmark in group.benchmarks:
            for short, title, cost in _costs(members, efficiency):
                points = list(_points(members, benchmark, cost, labels))
                if len(points) < 2:
                    continue
                figure = draw_scatter(points, title, f"PSNR Y on {benchmark[0]} in dB")
                scales = scales_in_words(group.scales)
                caption = f"{model}: PSNR on {benchmark[0]}, mean over {scales}, against {title} ({where})."
                alt = f"{caption} " + "; ".join(f"{p.label}: {p.y:.2f} dB at {_short(p.x)}" for p in points)
                name = f"{start}-{slug(model)}-{names[benchmark]}-{short}"
                yield model, picture(figure, name, caption, alt, table=start)


def with_marks(table: Table, group: SameScales, start: str, pictures: Sequence[tuple[str, ReportFigure]]) -> Table:
    """The table of costs, its rows marked as their points are in the scatters."""
    first = {model: picture.name for model, picture in reversed(pictures)}
    rows, numbers = [], Counter[str]()
    for family, (name, *cells) in zip(group.families, table.rows, strict=True):
        model = family.name_of.model
        rows.append([name._replace(mark=mark_of(numbers[model], first[model]) if model in first else None), *cells])
        numbers[model] += 1
    return replace(table, rows=rows, anchor=start)


Cost = Callable[[Family], float | None]


def _costs(members: Sequence[Family], efficiency: Sequence[Row]) -> Iterator[tuple[str, str, Cost]]:
    """Part of a file's name, title of the axis, and the cost."""
    yield "params", "parameters stored for all scales", lambda family: float(family.params)
    for device in sorted({found[0] for family in members if (found := family.training())}):
        yield f"hours-{slug(device)}", f"hours of training, {device}", _hours_on(device)
    for setting in sorted({setting_of(row) for row in efficiency}):
        yield f"latency-{slug(str(setting))}", f"ms on {setting}", _latency_on(efficiency, setting)


def _points(members: Sequence[Family], benchmark: tuple[str, int], cost: Cost, labels: Labels) -> Iterator[Point]:
    names = [family.name_of for family in members]
    for number, family in enumerate(members):
        x, y = cost(family), family.psnr(*benchmark)
        if x is not None and y is not None:
            many = ", one per scale" if len(family.members) > 1 else ""
            yield Point(labels.of_encoder(family.name_of, names) + many, x, y, number)


def _hours_on(device: str) -> Cost:
    return lambda family: found[1] if (found := family.training()) and found[0] == device else None


def _latency_on(efficiency: Sequence[Row], setting: Setting) -> Cost:
    return lambda family: family.latency(efficiency, setting)
