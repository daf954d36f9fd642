"""Tables of the report: measured values, beside published ones, and differences to SPConv."""

from collections.abc import Sequence

from igconv_sr.compare.differences import Difference
from igconv_sr.evaluation.printed_tables import MEASURE_NAMES
from igconv_sr.report.deltas import Delta
from igconv_sr.report.document import Heading, Table, TableCell
from igconv_sr.report.published import Match
from igconv_sr.report.seed_means import (
    LOWER_IS_BETTER,
    Column,
    Rows,
    Scored,
    Value,
    columns_of,
    counted,
    measures_of,
    ranks,
    shown,
)
from igconv_sr.report.variants import Labels, Variant, scales_in_words

PUBLISHED = ("psnr_y", "ssim_y")
_MOST_IN_ONE = 1
"""Benchmarks beside each other with both measures."""


def value_cell(value: Value | None, measure: str, seeds: int, rank: int = 0) -> TableCell:
    """A measured number with its deviation, and the number of seeds where a row's others have another one."""
    if value is None:
        return TableCell("–")
    notes = [] if value.deviation is None else [f"± {shown(value.deviation, measure)}"]
    if value.seeds != seeds:
        notes.append(f"{value.seeds} of {seeds} seeds")
    return TableCell(shown(value.mean, measure), rank, ", ".join(notes))


def measured_tables(rows: Rows, protocol: str, data: str, labels: Labels) -> list[Table]:
    """One table per scale, all of one protocol and training data.

    Args:
        rows: Variants of that data; bicubic, trained on none, stands below them without taking part.
        protocol: Its name.
        data: What they were trained on; empty where there is bicubic alone.
        labels: Names of the variants.
    """
    trained = {variant: scored for variant, scored in rows.items() if variant.upsampler}
    columns = columns_of(trained.values() or rows.values())
    return [
        _measured_table(rows, [column for column in columns if column.scale == scale], protocol, data, labels)
        for scale in sorted({column.scale for column in columns})
    ]


def _measured_table(rows: Rows, columns: Sequence[Column], protocol: str, data: str, labels: Labels) -> Table:
    present = {v: s for v, s in rows.items() if any(column in s.rows for column in columns)}
    competing = [variant for variant in present if variant.upsampler or not data]
    headings = [Heading("model", number=False)]
    cells = {variant: [TableCell(variant.name, note="; ".join(labels.details(variant)))] for variant in present}
    for column in columns:
        group = f"{column.benchmark}, {counted(column.images)}"
        for measure in measures_of(present.values(), [column]):
            headings.append(Heading(MEASURE_NAMES[measure] + (" ↓" if measure in LOWER_IS_BETTER else ""), group))
            values = {variant: scored.value(column, measure) for variant, scored in present.items()}
            means = [None if (value := values[variant]) is None else value.mean for variant in competing]
            places = dict(zip(competing, ranks(means, measure), strict=True))
            for variant, scored in present.items():
                cell = value_cell(values[variant], measure, len(scored.seeds), places.get(variant, 0))
                cells[variant].append(cell)
    headings += [Heading(name) for name in ("trained for", "steps", "params", "seeds")]
    for variant, scored in present.items():
        cells[variant] += _training_cells(variant, scored)
    trained = f"trained on {data}" if data else "not trained"
    title = f"×{columns[0].scale:g}, {trained}, protocol {protocol}"
    return Table(title, headings, list(cells.values()))


def _training_cells(variant: Variant, scored: Scored) -> list[TableCell]:
    if not variant.upsampler:
        return [TableCell("–"), TableCell("–"), TableCell("0" if variant.is_bicubic else "–"), TableCell("–")]
    return [
        TableCell(scales_in_words(variant.scales)),
        TableCell(f"{variant.steps:,}"),
        TableCell(f"{variant.params:,}"),
        _seeds_cell(scored.seeds),
    ]


def _seeds_cell(seeds: Sequence[str]) -> TableCell:
    if not any(seeds):
        return TableCell("–")
    return TableCell(str(len(seeds)), note=f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}")


def published_tables(matches: Sequence[Match], protocol: str, labels: Labels) -> list[Table]:
    """One table per published table and scale, or where there are many benchmarks, one per measure.

    Each shows the published number, the measured one and the difference.
    """
    groups: dict[tuple[str, str, int], list[Match]] = {}
    for match in matches:
        groups.setdefault((match.published.table, match.published.train_data, match.published.scale), []).append(match)
    tables = []
    for (title, data, scale), members in groups.items():
        columns = [
            column
            for column in columns_of(match.scored for match in members)
            if column.scale == scale and any(column.benchmark in match.published.values for match in members)
        ]
        start = f"{title}, ×{scale}"
        end = f"{f'trained on {data}, ' if data else ''}protocol {protocol}"
        if len(columns) > _MOST_IN_ONE:
            for measure in PUBLISHED:
                name = f"{start}, {MEASURE_NAMES[measure]}, {end}"
                tables.append(_published_table(name, columns, [measure], members, labels))
        elif columns:
            tables.append(_published_table(f"{start}, {end}", columns, PUBLISHED, members, labels))
    return tables


def _published_table(
    title: str, columns: Sequence[Column], measures: Sequence[str], members: Sequence[Match], labels: Labels
) -> Table:
    headings = [Heading("model", number=False)]
    rows = [[TableCell(match.published.name, note="; ".join(labels.details(match.variant)))] for match in members]
    for column in columns:
        for measure in measures:
            group = f"{column.benchmark}, {MEASURE_NAMES[measure]}"
            headings += [Heading(name, group) for name in ("published", "measured", "difference")]
            values = [match.scored.value(column, measure) for match in members]
            places = ranks([None if value is None else value.mean for value in values], measure)
            for row, match, value, place in zip(rows, members, values, places, strict=True):
                pair = match.published.values.get(column.benchmark)
                theirs = None if pair is None else pair[PUBLISHED.index(measure)]
                row += [
                    TableCell("–" if theirs is None else shown(theirs, measure)),
                    value_cell(value, measure, len(match.scored.seeds), place),
                    TableCell("–" if theirs is None or value is None else signed(value.mean - theirs, measure)),
                ]
    for row, match in zip(rows, members, strict=True):
        row.append(_seeds_cell(match.scored.seeds))
    return Table(title, [*headings, Heading("seeds")], rows)


def signed(value: float, measure: str) -> str:
    """A difference with its sign, and none where it is shown as zero."""
    text = shown(value, measure)
    return text.lstrip("-") if float(text.replace("∞", "inf")) == 0 else f"{'' if value < 0 else '+'}{text}"


def delta_tables(deltas: Sequence[Delta], protocol: str, labels: Labels) -> list[Table]:
    """One table per SPConv model."""
    groups: dict[Variant, list[Delta]] = {}
    for delta in deltas:
        groups.setdefault(delta.reference, []).append(delta)
    return [_delta_table(reference, members, protocol, labels) for reference, members in groups.items()]


def _delta_table(reference: Variant, members: Sequence[Delta], protocol: str, labels: Labels) -> Table:
    places = list(dict.fromkeys((d.benchmark, d.images, d.measure) for m in members for d in m.differences))
    headings = [Heading("model", number=False)]
    headings += [Heading(MEASURE_NAMES[measure], f"{name}, {counted(images)}") for name, images, measure in places]
    headings += [Heading(name) for name in ("trained for", "steps", "seeds")]
    rows = []
    for member in members:
        variant = member.variant
        found = {(d.benchmark, d.images, d.measure): d for d in member.differences}
        rows.append(
            [
                TableCell(variant.name, note="; ".join(labels.details(variant))),
                *(_delta_cell(found.get(place), member.over_seeds.get((place[0], place[2]))) for place in places),
                TableCell(scales_in_words(variant.scales)),
                TableCell(f"{variant.steps:,}"),
                _seeds_cell(member.seeds),
            ]
        )
    details = "; ".join((f"{reference.steps:,} steps", *labels.details(reference)))
    scales = scales_in_words(reference.scales)
    title = (
        f"{scales}, minus {reference.name} for {scales} alone, trained on {reference.train_data}, protocol {protocol}"
    )
    return Table(title, headings, rows, f"The {reference.upsampler} model: {details}.")


def _delta_cell(difference: Difference | None, over_seeds: float | None) -> TableCell:
    if difference is None:
        return TableCell("–")
    measure = difference.measure
    if difference.low is None or difference.high is None:
        return TableCell(signed(difference.difference, measure), note="one image")
    note = f"{signed(difference.low, measure)} … {signed(difference.high, measure)}"
    if over_seeds is not None:
        note += f"; seeds ± {shown(over_seeds, measure)}"
    return TableCell(signed(difference.difference, measure), note=note)
