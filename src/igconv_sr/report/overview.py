"""What a reader came for: one model for all scales beside a model per scale, in one table and one figure."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from igconv_sr.compare.differences import Difference
from igconv_sr.report.arms import (
    ArmNames,
    arm_key,
    by_encoder,
    is_as_published,
    is_line,
    is_per_scale,
    scored_at,
    scored_rows,
    unlikeness,
)
from igconv_sr.report.costs import Family, families
from igconv_sr.report.deltas import Delta
from igconv_sr.report.document import Heading, Mark, ReportFigure, Table, TableCell
from igconv_sr.report.figures import Band, draw_bands, mark_of, picture, png_of, slug, slugs
from igconv_sr.report.seed_means import Column, Rows, Scored, columns_of, counted, ranks, shown
from igconv_sr.report.tables import signed
from igconv_sr.report.variants import Variant

MORE, LESS, SAME = "▲", "▼", "≈"
"""A model above or below the models per scale by more than chance over the images and over the seeds; or neither."""

NOTE = (
    f"PSNR in dB / SSIM, both on luma, means over the seeds. Below: the difference to the models per scale, {MORE} or "
    f"{LESS} where 0 lies outside its 95 % interval over the images and, with several seeds, that over the seeds, "
    f"{SAME} elsewhere. Steps are those of one model: the models per scale had as many times more in all."
)


def overview_tables(
    rows: Rows, bicubic: Rows, deltas: Sequence[Delta], data: str, protocol: str, pictures: Sequence[ReportFigure]
) -> Iterator[Table]:
    """A table laid out as in the paper, per encoder and number of steps, the longest trainings first.

    Args:
        rows: Of one protocol and training data.
        bicubic: Of the same protocol.
        deltas: Differences to SPConv.
        data: Name of the training data.
        protocol: Name of the protocol.
        pictures: Those of :func:`overview_pictures`.
    """
    for model, members in by_encoder(families(rows)).items():
        own = [picture for picture in pictures if picture.table == _table_of(model, data, protocol)]
        names = ArmNames(members)
        marks = _arm_marks(members, own)
        lengths = {family.name_of.steps for family in members if is_line(family)}
        for steps in sorted(lengths, reverse=True):
            equal = [f for f in members if f.name_of.steps == steps and (is_line(f) or not is_per_scale(f))]
            if any(not is_line(family) for family in equal):
                title = f"{model}, {steps:,} steps, trained on {data}, protocol {protocol}"
                anchor = _table_of(model, data, protocol) if steps == max(lengths) else ""
                yield replace(_table(title, equal, bicubic, deltas, names, marks), anchor=anchor)


def _table(
    title: str,
    members: Sequence[Family],
    bicubic: Rows,
    deltas: Sequence[Delta],
    names: ArmNames,
    marks: Mapping[str, Mark],
) -> Table:
    members = sorted(members, key=lambda family: (not is_line(family), len(names(family))))
    columns = _paper_order(columns_of(scored for family in members for _, scored in scored_rows(family)))
    headings = [Heading("", number=False)]
    headings += [Heading(f"×{column.scale:g}", f"{column.benchmark}, {counted(column.images)}") for column in columns]
    headings += [Heading("params"), Heading("seeds")]
    body = [
        [TableCell("bicubic"), *(_plain(scored, column) for column in columns), TableCell("0"), TableCell("–")]
        for scored in bicubic.values()
    ]
    places = [_ranks(members, column) for column in columns]
    for number, family in enumerate(members):
        cells = [_cell(family, column, places[i][number], deltas) for i, column in enumerate(columns)]
        counts = {len(scored.seeds) for _, scored in scored_rows(family)}
        seeds = " to ".join(map(str, sorted({min(counts), max(counts)})))
        arm = names(family)
        body.append([TableCell(arm, mark=marks.get(arm)), *cells, TableCell(f"{family.params:,}"), TableCell(seeds)])
    return Table(title, headings, body, NOTE)


def _paper_order(columns: Sequence[Column]) -> list[Column]:
    """Benchmarks from left to right, the scales below each."""
    names = list(dict.fromkeys((column.benchmark, column.images) for column in columns))
    return sorted(columns, key=lambda column: (names.index((column.benchmark, column.images)), column.scale))


def _ranks(members: Sequence[Family], column: Column) -> list[int]:
    found = [scored_at(family, column) for family in members]
    values = [None if one is None else one[1].value(column, "psnr_y") for one in found]
    return ranks([None if value is None else value.mean for value in values], "psnr_y")


def _numbers(scored: Scored, column: Column) -> str:
    values = [(name, scored.value(column, name)) for name in ("psnr_y", "ssim_y")]
    return " / ".join("–" if value is None else shown(value.mean, name) for name, value in values)


def _plain(scored: Scored, column: Column) -> TableCell:
    return TableCell(_numbers(scored, column) if column in scored.rows else "–")


def _cell(family: Family, column: Column, rank: int, deltas: Sequence[Delta]) -> TableCell:
    found = scored_at(family, column)
    if found is None:
        return TableCell("–")
    variant, scored = found
    return TableCell(_numbers(scored, column), rank, "" if is_line(family) else _difference(variant, column, deltas))


def _difference(variant: Variant, column: Column, deltas: Sequence[Delta]) -> str:
    """The difference to the SPConv model of the scale trained with L1 alone, as the paper trains them.

    Of several that is the one that was trained most like the variant: at the same learning rate, say.
    """
    own = [d for d in deltas if d.variant == variant and d.reference.steps == variant.steps]
    for delta in sorted(own, key=lambda delta: unlikeness(delta.reference, variant)):
        if not _is_by_l1_alone(delta.reference):
            continue
        for each in delta.differences:
            if (each.benchmark, each.images, each.scale, each.measure) == (*column[:2], column.scale, "psnr_y"):
                return f"{signed(each.difference, 'psnr_y')} {_mark(delta, each)}"
    return ""


def _is_by_l1_alone(variant: Variant) -> bool:
    return not any(fact.present for fact in variant.facts)


def _mark(delta: Delta, found: Difference) -> str:
    half = delta.over_seeds.get((found.benchmark, found.measure), 0.0)
    is_chance = found.low is None or found.high is None or found.low <= 0 <= found.high
    if is_chance or abs(found.difference) <= half:
        return SAME
    return MORE if found.difference > 0 else LESS


def verdicts(rows: Rows, deltas: Sequence[Delta]) -> Iterator[str]:
    """A sentence per upsampler for all scales, whole as the paper has it, of the longest trainings of each encoder."""
    for model, members in by_encoder(families(rows)).items():
        lines = [family for family in members if is_line(family) and _is_by_l1_alone(family.name_of)]
        if not lines:
            continue
        names = ArmNames(members)
        steps = max(family.name_of.steps for family in lines)
        longest = [family for family in lines if family.name_of.steps == steps]
        for family in members:
            variant = family.name_of
            if is_per_scale(family) or variant.steps != steps or not is_as_published(family):
                continue
            line = min(longest, key=lambda line: unlikeness(line.name_of, family.name_of))
            own = [delta for delta in deltas if delta.reference in line.members]
            columns = columns_of(scored for _, scored in scored_rows(family))
            found = [text for column in columns if (text := _difference(variant, column, own))]
            if found:
                counts = {mark: sum(text.endswith(mark) for text in found) for mark in (MORE, SAME, LESS)}
                compared = f"{len(found)} comparisons" if len(found) > 1 else "1 comparison"
                smallest, largest = (pick(float(text.split()[0]) for text in found) for pick in (min, max))
                yield (
                    f"{model}, {names(family)}, {variant.steps:,} steps: {signed(smallest, 'psnr_y')} to "
                    f"{signed(largest, 'psnr_y')} dB against {names(line)} of as many steps each, with "
                    f"{family.params / line.params:.0%} of their parameters; of {compared} "
                    f"{counts[MORE]} above, {counts[LESS]} below, {counts[SAME]} not told apart."
                )


def overview_pictures(rows: Rows, data: str, protocol: str, start: str) -> Iterator[ReportFigure]:
    """PSNR against the steps of all models together, per encoder and benchmark, where there are several lengths.

    Args:
        rows: Of one protocol and training data.
        data: Name of the training data.
        protocol: Name of the protocol.
        start: Of the pictures' names.
    """
    for number, (model, members) in enumerate(by_encoder(families(rows)).items(), start=1):
        columns = columns_of(scored for family in members for _, scored in scored_rows(family))
        trained = {scale for family in members for scale in family.scales}
        labels = _names(members)
        for (benchmark, images), short in slugs((column.benchmark, column.images) for column in columns).items():
            panels = {
                f"×{scale:g}": list(_bands(members, Column(benchmark, images, scale))) for scale in sorted(trained)
            }
            if not all(panels.values()):
                continue
            caption = (
                f"{model} on {benchmark}: PSNR against the optimiser steps of all models together, each point a "
                f"training of its own; bands from the worst to the best seed (trained on {data}, protocol {protocol})."
            )
            ends = "; ".join(
                f"{title}, {band.label}: {band.middle[-1]:.2f} dB after {band.steps[-1]:,} steps"
                for title, bands in panels.items()
                for band in bands
            )
            titles = "optimiser steps of all models together", f"PSNR Y on {benchmark} in dB"
            wide, narrow = (draw_bands(panels, labels, *titles, width) for width in (len(panels), 1))
            name = f"{start}-{number}-{short}"
            more = {"narrow": png_of(narrow), "table": _table_of(model, data, protocol)}
            yield picture(wide, name, caption, f"{caption} Ends: {ends}", **more)


def _arm_marks(members: Sequence[Family], pictures: Sequence[ReportFigure]) -> dict[str, Mark]:
    """What the points of the arms look like, by the names of the arms.

    Args:
        members: Families of one encoder.
        pictures: Those of that encoder; without any there are no marks.
    """
    names = _names(members) if pictures else []
    return {name: mark_of(number, pictures[0].name) for number, name in enumerate(names)}


def _table_of(model: str, data: str, protocol: str) -> str:
    """Anchor of the table whose rows are the points of an encoder's pictures."""
    return "table-" + slug(f"{model}-{data}-{protocol}")


def _names(members: Sequence[Family]) -> list[str]:
    names = ArmNames(members)
    return [names(_whole(lengths)) for lengths in _arms(members)]


def _arms(members: Sequence[Family]) -> Iterator[list[Family]]:
    """Trainings of several lengths of the same arm, the shortest first."""
    arms: dict[Variant, list[Family]] = {}
    for family in members:
        arms.setdefault(arm_key(family), []).append(family)
    for lengths in arms.values():
        if len(lengths) > 1:
            yield sorted(lengths, key=lambda family: family.name_of.steps)


def _whole(lengths: Sequence[Family]) -> Family:
    """The one with models for all scales, which names the arm."""
    return max(lengths, key=lambda family: len(family.members))


def _bands(members: Sequence[Family], column: Column) -> Iterator[Band]:
    names = ArmNames(members)
    for lengths in _arms(members):
        found = [(family, one[1]) for family in lengths if (one := scored_at(family, column)) is not None]
        if len(found) < 2:
            continue
        values = [[float(row["psnr_y"]) for row in scored.rows[column].values()] for _, scored in found]
        whole = _whole(lengths)
        yield Band(
            names(whole),
            [family.name_of.steps * len(whole.members) for family, _ in found],
            [min(some) for some in values],
            [statistics.fmean(some) for some in values],
            [max(some) for some in values],
        )
