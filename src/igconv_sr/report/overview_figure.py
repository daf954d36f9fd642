"""PSNR against training steps: one model for all scales beside a model per scale, in trainings of several lengths."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from igconv_sr.report.arms import arm_key, arm_name, by_encoder, scored_at, scored_rows
from igconv_sr.report.costs import Family, families
from igconv_sr.report.document import Mark, ReportFigure
from igconv_sr.report.figures import Band, draw_bands, mark_of, picture, png_of, slug
from igconv_sr.report.seed_means import Column, Scored, columns_of
from igconv_sr.report.variants import Variant


def overview_pictures(rows: Mapping[Variant, Scored], data: str, protocol: str, start: str) -> Iterator[ReportFigure]:
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
        for benchmark, images in dict.fromkeys((column.benchmark, column.images) for column in columns):
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
            name = f"{start}-{number}-{benchmark.lower()}"
            more = {"narrow": png_of(narrow), "table": table_of(model, data, protocol)}
            yield picture(wide, name, caption, f"{caption} Ends: {ends}", **more)


def arm_marks(members: Sequence[Family], pictures: Sequence[ReportFigure]) -> dict[str, Mark]:
    """What the points of the arms look like, by the names of the arms.

    Args:
        members: Families of one encoder.
        pictures: Those of that encoder; without any there are no marks.
    """
    names = _names(members) if pictures else []
    return {name: mark_of(number, pictures[0].name) for number, name in enumerate(names)}


def table_of(model: str, data: str, protocol: str) -> str:
    """Anchor of the table whose rows are the points of an encoder's pictures."""
    return "table-" + slug(f"{model}-{data}-{protocol}")


def _names(members: Sequence[Family]) -> list[str]:
    return [arm_name(_whole(lengths)) for lengths in _arms(members)]


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
    for lengths in _arms(members):
        found = [(family, one[1]) for family in lengths if (one := scored_at(family, column)) is not None]
        if len(found) < 2:
            continue
        values = [[float(row["psnr_y"]) for row in scored.rows[column].values()] for _, scored in found]
        whole = _whole(lengths)
        yield Band(
            arm_name(whole),
            [family.name_of.steps * len(whole.members) for family, _ in found],
            [min(some) for some in values],
            [statistics.fmean(some) for some in values],
            [max(some) for some in values],
        )
