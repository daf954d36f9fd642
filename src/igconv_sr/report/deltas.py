"""Differences to SPConv models of one scale each, paired by image."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from scipy.stats import t as student_t

from igconv_sr.compare.differences import CONFIDENCE, Difference, ImageKey, RunTable, differences, pair_images
from igconv_sr.errors import InputError
from igconv_sr.report.found_runs import BenchmarkAtScale
from igconv_sr.report.seed_means import Rows, Scored
from igconv_sr.report.variants import PER_SCALE, Labels, Variant
from igconv_sr.runs.files import Row
from igconv_sr.runs.results import MEASURES, MORE_MEASURES, PER_IMAGE

_LUMA, _COLOUR = ("psnr_y", "ssim_y"), ("psnr_rgb", "ssim_rgb")


class Delta(NamedTuple):
    """A variant against the SPConv model of one scale.

    Attributes:
        reference: The SPConv model.
        variant: The other.
        seeds: Those of both, over which each image's values are averaged first.
        differences: Variant - reference, per benchmark and measure, with intervals over the images.
        over_seeds: By benchmark and measure half the 95 % interval over the seeds (Student's t of the seeds' mean
            differences); empty for a single seed.
    """

    reference: Variant
    variant: Variant
    seeds: Sequence[str]
    differences: Sequence[Difference]
    over_seeds: Mapping[tuple[str, str], float]


def find_deltas(rows: Rows, protocol: str, labels: Labels, skipped: list[str]) -> list[Delta]:
    """Compares every variant with the SPConv models of its encoder and data.

    Args:
        rows: All of one protocol.
        protocol: Its name.
        labels: Names of the variants.
        skipped: Gets what could not be compared, and why.
    """
    found: dict[tuple[Variant, Variant, tuple[str, ...]], list[Difference]] = {}
    for variant in rows:
        references = list(_references(variant, rows))
        if not references and variant.upsampler and not is_reference(variant):
            reason = (
                "its configuration is not known"
                if variant.settings is None
                else "none trained for one scale alone with the same encoder and data was measured on the same images"
            )
            skipped.append(f"{labels.short(variant, rows)} is compared with no SPConv model by {protocol}: {reason}.")
        for reference, place in references:
            a, b = rows[reference], rows[variant]
            seeds = tuple(seed for seed in a.seeds if _images(a, seed, place) and _images(b, seed, place))
            try:
                runs = [_mean(scored, seeds, place, protocol) for scored in (a, b)]
                differing = differences(pair_images(*runs), protocol)
                found.setdefault((reference, variant, seeds), []).extend(differing)
            except InputError as error:
                names = [labels.short(each, rows) for each in (variant, reference)]
                where = f"on {place[0]} at ×{place[1]:g} by {protocol}"
                skipped.append(f"{names[0]} is not compared with {names[1]} {where}: {error}.")
    return [
        Delta(*key, differing, dict(_over_seeds(rows[key[0]], rows[key[1]], key[2], differing)))
        for key, differing in found.items()
    ]


def _over_seeds(
    a: Scored, b: Scored, seeds: Sequence[str], differing: Sequence[Difference]
) -> Iterator[tuple[tuple[str, str], float]]:
    if len(seeds) < 2:
        return
    quantile = float(student_t.ppf((1 + CONFIDENCE) / 2, len(seeds) - 1))
    for each in differing:
        values = []
        for seed in seeds:
            x, y = (_images(scored, seed, (each.benchmark, each.scale)) for scored in (a, b))
            values.append(statistics.fmean(float(y[key][each.measure]) - float(x[key][each.measure]) for key in x))
        yield (each.benchmark, each.measure), quantile * statistics.stdev(values) / math.sqrt(len(values))


def _references(variant: Variant, rows: Rows) -> Iterator[tuple[Variant, BenchmarkAtScale]]:
    """SPConv models with the benchmark and scale on which both were measured."""
    if variant.settings is None or is_reference(variant):
        return
    others = [
        other
        for other in rows
        if is_reference(other) and other.encoder == variant.encoder and other.train_data == variant.train_data
    ]
    # At the paper's accounting: one model gets the steps of one of the three. While a sweep runs, some scales lack it.
    equal = {other.scales for other in others if other.steps == variant.steps}
    for other in others:
        if other.scales in equal and other.steps != variant.steps:
            continue
        shared = rows[other].rows.keys() & rows[variant].rows.keys()
        for column in sorted(shared, key=lambda column: column.order):
            if column.scale == other.scales[0]:
                yield other, (column.benchmark, column.scale)


def is_reference(variant: Variant) -> bool:
    """Whether it is an SPConv model of one scale."""
    return variant.upsampler in PER_SCALE and len(variant.scales) == 1


def _images(scored: Scored, seed: str, place: BenchmarkAtScale) -> dict[ImageKey, Row]:
    return {key: row for key, row in scored.images.get(seed, {}).items() if key[:2] == place}


def _mean(scored: Scored, seeds: Sequence[str], place: BenchmarkAtScale, protocol: str) -> RunTable:
    """Means over the seeds, per image.

    Raises:
        InputError: If there is no seed, or an image that only some of the seeds have.
    """
    if not seeds:
        raise InputError("the two share no seed with results per image")
    tables = [_images(scored, seed, place) for seed in seeds]
    found: dict[ImageKey, Row] = {}
    for key in sorted(set().union(*tables)):
        if any(key not in table for table in tables):
            raise InputError(f"{key[2]} was not scored with every seed, as {scored.sources[0].folder} and others say")
        members = [table[key] for table in tables]
        shown = _LUMA if all(row.get(_LUMA[0]) for row in members) else _COLOUR
        none = dict.fromkeys((*MEASURES, *MORE_MEASURES), "")
        found[key] = dict(members[0]) | none | {measure: _mean_of(members, measure) for measure in shown}
    return RunTable(scored.sources[0].folder / PER_IMAGE, protocol, found)


def _mean_of(rows: Sequence[Row], measure: str) -> str:
    values = [row.get(measure, "") for row in rows]
    if not all(values):
        return ""
    return repr(math.fsum(map(float, values)) / len(values))
