"""Differences to SPConv models of one scale each, paired by image."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from igconv_sr.errors import InputError
from igconv_sr.paired import Difference, Key, Run, differences, pair_images
from igconv_sr.report.files import Row
from igconv_sr.report.scores import Scored
from igconv_sr.report.variants import PER_SCALE, Labels, Variant
from igconv_sr.results import MEASURES, MORE_MEASURES, PER_IMAGE

_SHOWN = ("psnr_y", "ssim_y")


class Delta(NamedTuple):
    """A variant against the SPConv model of one scale.

    Attributes:
        reference: The SPConv model.
        variant: The other.
        seeds: Those of both, over which each image's values are averaged first.
        differences: Variant - reference, per benchmark and measure.
    """

    reference: Variant
    variant: Variant
    seeds: Sequence[str]
    differences: Sequence[Difference]


def find_deltas(rows: Mapping[Variant, Scored], protocol: str, labels: Labels, skipped: list[str]) -> list[Delta]:
    """Compares every variant with the SPConv models of its encoder and data.

    Args:
        rows: All of one protocol.
        protocol: Its name.
        labels: Names of the variants.
        skipped: Gets what could not be compared, and why.
    """
    found = []
    for variant in rows:
        for reference, scale in _references(variant, rows):
            seeds = sorted(set(rows[variant].images) & set(rows[reference].images), key=lambda seed: (len(seed), seed))
            names = [labels.short(each, list(rows)) for each in (variant, reference)]
            try:
                a, b = (
                    Run(rows[each].sources[0].folder / PER_IMAGE, protocol, _mean(rows[each], seeds, scale, name))
                    for each, name in zip((reference, variant), reversed(names), strict=True)
                )
                found.append(Delta(reference, variant, seeds, differences(pair_images(a, b), protocol)))
            except InputError as error:
                skipped.append(f"{names[0]} is not compared with {names[1]} at ×{scale:g} by {protocol}: {error}.")
    return found


def _references(variant: Variant, rows: Mapping[Variant, Scored]) -> Iterator[tuple[Variant, float]]:
    if variant.settings is None or is_reference(variant):
        return
    for other in rows:
        if is_reference(other) and other.encoder == variant.encoder and other.train_data == variant.train_data:
            scale = other.scales[0]
            if any(column.scale == scale for column in rows[variant].rows):
                yield other, scale


def is_reference(variant: Variant) -> bool:
    """Whether it is an SPConv model of one scale."""
    return variant.upsampler in PER_SCALE and len(variant.scales) == 1


def _mean(scored: Scored, seeds: Sequence[str], scale: float, name: str) -> dict[Key, Row]:
    """Per image the means over the seeds, of one scale.

    Raises:
        InputError: If there is no seed, no image, or an image that only some of the seeds have.
    """
    if not seeds:
        raise InputError("the two share no seed with results per image")
    tables = [{key: row for key, row in scored.images[seed].items() if key[1] == scale} for seed in seeds]
    keys = set().union(*tables)
    if not keys:
        raise InputError(f"{name} has no results per image at ×{scale:g}")
    found: dict[Key, Row] = {}
    for key in sorted(keys):
        if any(key not in table for table in tables):
            raise InputError(f"{key[2]} of {key[0]} was not scored with every seed of {name}")
        members = [table[key] for table in tables]
        found[key] = dict(members[0]) | {measure: _mean_of(members, measure) for measure in (*MEASURES, *MORE_MEASURES)}
    return found


def _mean_of(rows: Sequence[Row], measure: str) -> str:
    values = [row.get(measure, "") for row in rows]
    if measure not in _SHOWN or not all(values):
        return ""
    return repr(math.fsum(map(float, values)) / len(values))
