"""Which figures the report has: quality against cost, training curves, cut-outs."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from igconv_sr.errors import InputError
from igconv_sr.report.costs import Family, Setting, families, setting_of
from igconv_sr.report.crops import draw_crops, largest_spreads
from igconv_sr.report.document import Heading, ReportFigure, Table, TableCell
from igconv_sr.report.figures import Curve, Point, draw_curves, draw_scatter, mark_of, picture, slug
from igconv_sr.report.seed_means import Scored, columns_of
from igconv_sr.report.training_curves import read_curves
from igconv_sr.report.variants import Labels, Variant, scales_in_words
from igconv_sr.runs.files import Row
from igconv_sr.runs.logged_names import read_valid_score
from igconv_sr.runs.trainings import Training

Rows = Mapping[Variant, Scored]


class SameScales(NamedTuple):
    """Families that serve the same scales, trained on the same data.

    Attributes:
        scales: Which.
        families: More than one.
        benchmarks: Names and numbers of images.
    """

    scales: tuple[int, ...]
    families: Sequence[Family]
    benchmarks: Sequence[tuple[str, int]]


def of_same_scales(rows: Rows) -> Iterator[SameScales]:
    """What can be compared by cost."""
    groups: dict[tuple[int, ...], list[Family]] = {}
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
    headings += [Heading("PSNR Y", f"{name}, {images} images") for name, images in group.benchmarks]
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
) -> Iterator[ReportFigure]:
    """Quality against parameters, hours of training and latency, per encoder and benchmark."""
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
                yield picture(figure, f"{start}-{slug(model)}-{slug(benchmark[0])}-{short}", caption, alt, table=start)


def with_marks(table: Table, group: SameScales, start: str, pictures: Sequence[ReportFigure]) -> Table:
    """The table of costs, its rows marked as their points are in the scatters."""
    rows, numbers = [], Counter[str]()
    for family, (name, *cells) in zip(group.families, table.rows, strict=True):
        model = family.name_of.model
        own = [picture for picture in pictures if picture.name.startswith(f"{start}-{slug(model)}-")]
        rows.append([name._replace(mark=mark_of(numbers[model], own[0].name) if own else None), *cells])
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


def training_curves(
    trainings: Mapping[str, Sequence[tuple[str, Training]]], skipped: list[str]
) -> Iterator[ReportFigure]:
    """Validation PSNR per scale and loss, per encoder and training data.

    Args:
        trainings: By encoder and data in words: label and run.
        skipped: Gets what could not be read.
    """
    for number, (title, members) in enumerate(trainings.items(), start=1):
        curves: dict[str, list[Curve]] = {}
        for label, training in members:
            if not training.curves:
                skipped.append(f"{training.folder} holds no training curves (metrics/version_*/metrics.csv).")
            for column, curve in read_curves(training, label, skipped).items():
                curves.setdefault(column, []).append(curve)
        labels = list(dict.fromkeys(label for label, _ in members))
        for column in sorted(curves, key=_scales_then_loss):
            score = read_valid_score(column)
            what = "training loss" if score is None else f"validation PSNR Y at ×{score.scale:g}{score.kind} in dB"
            remark = " Losses with a frequency term are larger for that alone." if score is None else ""
            caption = f"{what[0].upper()}{what[1:]} of {title}; one line per seed.{remark}"
            ends = "; ".join(f"{c.label}: {c.values[-1]:.4g} after {c.steps[-1]:,.0f} steps" for c in curves[column])
            mark = "loss" if score is None else re.sub("[^a-z0-9]+", "-", f"x{score.scale:g}{score.kind}").rstrip("-")
            name = f"curves-{number}-{mark}"
            yield picture(
                draw_curves(curves[column], labels, what, score is None), name, caption, f"{caption} Ends: {ends}"
            )


def _scales_then_loss(column: str) -> tuple[bool, float, str]:
    score = read_valid_score(column)
    return score is None, 0 if score is None else score.scale, column


class Gallery(NamedTuple):
    """The models whose cut-outs are shown.

    Attributes:
        rows: Variants of one encoder, training data and protocol.
        bicubic: Of the same protocol; may be empty.
        protocol: Its name.
        start: Of the files' names.
    """

    rows: Rows
    bicubic: Rows
    protocol: str
    start: str


def crops(gallery: Gallery, count: int, labels: Labels, skipped: list[str]) -> Iterator[ReportFigure]:
    """Cut-outs of the images on which the variants of an encoder differ most.

    Args:
        gallery: The variants.
        count: How many images.
        labels: Names of the variants.
        skipped: Gets what could not be computed, and why.
    """
    for number, candidate in enumerate(largest_spreads(gallery.rows, gallery.bicubic, count), start=1):
        try:
            yield draw_crops(candidate, gallery.protocol, f"{gallery.start}-{number}", labels)
        except InputError as error:
            benchmark, scale, image = candidate.key
            skipped.append(f"No cut-outs of {benchmark} {image} at ×{scale:g}: {error}.")
