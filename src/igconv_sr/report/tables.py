"""Tables of the report: measured values, beside published ones, and differences to SPConv."""

from collections.abc import Iterator, Mapping, Sequence

from igconv_sr.paired import Difference
from igconv_sr.report.deltas import Delta
from igconv_sr.report.document import Cell, Heading, Table
from igconv_sr.report.published import Match
from igconv_sr.report.scores import LOWER_IS_BETTER, Column, Scored, Value, columns_of, measures_of, ranks, shown
from igconv_sr.report.variants import Labels, Variant, scales_in_words

MEASURE_NAMES = {
    "psnr_y": "PSNR Y",
    "ssim_y": "SSIM Y",
    "psnr_rgb": "PSNR RGB",
    "ssim_rgb": "SSIM RGB",
    "lpips": "LPIPS",
    "dists": "DISTS",
}
_PUBLISHED = ("psnr_y", "ssim_y")
RANKS = "Best of a column bold, second underlined; numbers shown alike share their place."


def value_cell(value: Value | None, measure: str, seeds: int, rank: int = 0) -> Cell:
    """A measured number with its deviation, and the number of seeds where a row's others have another one."""
    if value is None:
        return Cell("–")
    deviation = "" if value.deviation is None else f" ± {shown(value.deviation, measure)}"
    note = "" if value.seeds == seeds else f"{value.seeds} of {seeds} seeds"
    return Cell(f"{shown(value.mean, measure)}{deviation}", rank, note)


def measured_tables(rows: Mapping[Variant, Scored], protocol: str, data: str, labels: Labels) -> list[Table]:
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


def _measured_table(
    rows: Mapping[Variant, Scored], columns: Sequence[Column], protocol: str, data: str, labels: Labels
) -> Table:
    present = {v: s for v, s in rows.items() if any(column in s.rows for column in columns)}
    competing = [variant for variant in present if variant.upsampler or not data]
    headings = [
        Heading("model", number=False),
        *(Heading(name) for name in ("trained for", "steps", "params", "seeds")),
    ]
    cells = {variant: _describe(variant, scored, labels) for variant, scored in present.items()}
    for column in columns:
        group = f"{column.benchmark}, {column.images} image{'s' if column.images > 1 else ''}"
        for measure in measures_of(present.values(), [column]):
            headings.append(Heading(MEASURE_NAMES[measure] + (" ↓" if measure in LOWER_IS_BETTER else ""), group))
            values = {variant: scored.value(column, measure) for variant, scored in present.items()}
            means = [None if (value := values[variant]) is None else value.mean for variant in competing]
            places = dict(zip(competing, ranks(means, measure), strict=True))
            for variant, scored in present.items():
                cell = value_cell(values[variant], measure, len(scored.seeds), places.get(variant, 0))
                cells[variant].append(cell)
    trained = f"trained on {data}" if data else "nothing trained"
    reference = (
        " Bicubic, which is not trained, is there to compare with." if data and len(present) > len(competing) else ""
    )
    return Table(
        f"×{columns[0].scale:g}, {trained}, protocol {protocol}", headings, list(cells.values()), RANKS + reference
    )


def _describe(variant: Variant, scored: Scored, labels: Labels) -> list[Cell]:
    details = "; ".join(labels.details(variant))
    if not variant.upsampler:
        return [Cell(variant.name), Cell("–"), Cell("–"), Cell("0"), Cell("–")]
    return [
        Cell(variant.name, note=details),
        Cell(scales_in_words(variant.scales)),
        Cell(f"{variant.steps:,}"),
        Cell(f"{variant.params:,}"),
        Cell(str(len(scored.seeds)), note=f"seed{'s' if len(scored.seeds) > 1 else ''} {', '.join(scored.seeds)}"),
    ]


def published_tables(matches: Sequence[Match], protocol: str, labels: Labels) -> list[Table]:
    """One table per published table, scale and measure: published, measured, difference."""
    groups: dict[tuple[str, str, int], list[Match]] = {}
    for match in matches:
        groups.setdefault((match.published.table, match.published.train_data, match.published.scale), []).append(match)
    return [
        table
        for (title, data, scale), members in groups.items()
        for measure in _PUBLISHED
        for table in _published_table(title, data, scale, measure, members, protocol, labels)
    ]


def _published_table(
    title: str, data: str, scale: int, measure: str, members: Sequence[Match], protocol: str, labels: Labels
) -> Iterator[Table]:
    columns = [
        column
        for column in columns_of(match.scored for match in members)
        if column.scale == scale and any(column.benchmark in match.published.values for match in members)
    ]
    if not columns:
        return
    headings = [Heading("model", number=False), Heading("seeds")]
    rows = [
        [Cell(m.published.name, note="; ".join(labels.details(m.variant))), Cell(str(len(m.scored.seeds)))]
        for m in members
    ]
    for column in columns:
        headings += [Heading(name, column.benchmark) for name in ("published", "measured", "difference")]
        values = [match.scored.value(column, measure) for match in members]
        places = ranks([None if value is None else value.mean for value in values], measure)
        for row, match, value, place in zip(rows, members, values, places, strict=True):
            published = match.published.values.get(column.benchmark)
            theirs = None if published is None else published[_PUBLISHED.index(measure)]
            row += [
                Cell("–" if theirs is None else shown(theirs, measure)),
                value_cell(value, measure, len(match.scored.seeds), place),
                Cell("–" if theirs is None or value is None else signed(value.mean - theirs, measure)),
            ]
    trained = f"trained on {data}, " if data else ""
    name = f"{title}, ×{scale}: {MEASURE_NAMES[measure]}, {trained}protocol {protocol}"
    yield Table(name, headings, rows, f"{RANKS} Ranked are the measured numbers.")


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
    headings = [Heading("model", number=False), *(Heading(name) for name in ("trained for", "steps", "seeds"))]
    places = list(dict.fromkeys((d.benchmark, d.images, d.measure) for m in members for d in m.differences))
    for benchmark, images, measure in places:
        group = f"{benchmark}, {images} image{'s' if images > 1 else ''}"
        headings += [Heading(MEASURE_NAMES[measure], group), Heading("95 % interval", group)]
    rows = []
    for member in members:
        variant = member.variant
        found = {(d.benchmark, d.images, d.measure): d for d in member.differences}
        row = [
            Cell(variant.name, note="; ".join(labels.details(variant))),
            Cell(scales_in_words(variant.scales)),
            Cell(f"{variant.steps:,}"),
            Cell(str(len(member.seeds)), note=f"seed{'s' if len(member.seeds) > 1 else ''} {', '.join(member.seeds)}"),
        ]
        for place in places:
            row += _delta_cells(found.get(place))
        rows.append(row)
    details = "; ".join((f"{reference.steps:,} steps", *labels.details(reference)))
    scales = scales_in_words(reference.scales)
    title = (
        f"{scales}: minus {reference.name} trained for {scales} alone, on {reference.train_data}, protocol {protocol}"
    )
    return Table(title, headings, rows, f"The SPConv model: {details}.")


def _delta_cells(difference: Difference | None) -> list[Cell]:
    if difference is None:
        return [Cell("–"), Cell("–")]
    measure = difference.measure
    if difference.low is None or difference.high is None:
        return [Cell(signed(difference.difference, measure)), Cell("one image")]
    return [
        Cell(signed(difference.difference, measure)),
        Cell(f"{signed(difference.low, measure)} … {signed(difference.high, measure)}"),
    ]
