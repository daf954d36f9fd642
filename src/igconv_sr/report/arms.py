"""The arms of a comparison: one model for all scales, or models for one scale each that stand together."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from igconv_sr.report.costs import Family
from igconv_sr.report.seed_means import Column, Scored
from igconv_sr.report.variants import PER_SCALE, Variant

_NAMES = {"spconv": "SPConv", "spconv_plus": "SPConv+", "igconv": "IGConv", "igconv_plus": "IGConv+"}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven"}
_OF_AN_ARM = re.compile(r"upsampler\..+|loss\.frequency|data\.scales|optim\.scheduler\.max_steps")
"""Keys in which an arm may differ from the models per scale that it is compared with."""

_PARTS = {"FGRep": "FGRep", "IGSample": "IGSample", "frequency loss": "the frequency loss"}


def arm_name(family: Family) -> str:
    """What the paper would call it, such as ``three SPConv models`` or ``IGConv+ without FGRep``."""
    variant = family.name_of
    name = _NAMES.get(variant.upsampler, variant.upsampler)
    if is_line(family):
        name = f"{_NUMBERS.get(len(family.members), str(len(family.members)))} {name} models"
    elif variant.upsampler in PER_SCALE:
        name = f"{name}, a head per scale"
    parts = [words for part, words in _PARTS.items() if any(part in text for text in _unlike_published(variant))]
    return f"{name} {'without' if _is_plus(variant) else 'with'} {' and '.join(parts)}" if parts else name


class ArmNames:
    """What arms are called, with the keys that tell an arm from others of the same name.

    Args:
        families: Of one encoder.
    """

    def __init__(self, families: Iterable[Family]) -> None:
        self._alike: dict[tuple[object, ...], list[Variant]] = {}
        for family in families:
            self._alike.setdefault(_kind(family), []).append(arm_key(family))

    def __call__(self, family: Family) -> str:
        """The name of one of the families, the same for other numbers of steps."""
        own = arm_key(family)
        alike = self._alike[_kind(family)]
        keys = sorted({key for arm in alike for key in arm.known})
        told = [f"{key}={own.known.get(key, 'null')}" for key in keys if len({arm.known.get(key) for arm in alike}) > 1]
        return ", ".join([arm_name(family), *told, *([f"in {own.mark}"] if own.mark else [])])


def _kind(family: Family) -> tuple[object, ...]:
    """Equal for arms that have the same name, also where one of them lacks the model of a scale."""
    variant = family.name_of
    return variant.upsampler, is_per_scale(family), tuple(fact.present for fact in variant.facts)


def unlikeness(a: Variant, b: Variant) -> int:
    """How many keys differ of those that do not make the arm, such as the learning rate."""
    return sum(
        a.known.get(key) != b.known.get(key) for key in a.known.keys() | b.known.keys() if not _OF_AN_ARM.fullmatch(key)
    )


def is_as_published(family: Family) -> bool:
    """Whether it has all parts and losses that the paper's IGConv+ has, or none of them as its other upsamplers."""
    return not _unlike_published(family.name_of)


def _unlike_published(variant: Variant) -> list[str]:
    return [fact.text for fact in variant.facts if fact.present != _is_plus(variant)]


def _is_plus(variant: Variant) -> bool:
    return variant.upsampler == "igconv_plus"


def is_per_scale(family: Family) -> bool:
    """Whether it holds models for one scale each, if only for some of the scales."""
    return all(len(member.scales) == 1 and member.upsampler in PER_SCALE for member in family.members)


def is_line(family: Family) -> bool:
    """Whether it is what one model for all scales is compared with: a model per scale."""
    return is_per_scale(family) and len(family.members) > 1


def arm_key(family: Family) -> Variant:
    """Equal for the same arm trained for other numbers of steps."""
    variant = family.name_of
    kept = tuple(pair for pair in variant.settings or () if pair[0] not in ("optim.scheduler.max_steps", "data.scales"))
    scales = "" if is_per_scale(family) else variant.known.get("data.scales", "")
    return replace(variant, steps=0, params=0, settings=(*kept, ("scales", str(scales))))


def by_encoder(families: Iterable[Family]) -> Mapping[str, list[Family]]:
    """Families of the encoders that have a model per scale to compare with."""
    found: dict[str, list[Family]] = {}
    for family in families:
        found.setdefault(family.name_of.model, []).append(family)
    return {model: members for model, members in found.items() if any(map(is_line, members))}


def scored_rows(family: Family) -> Iterable[tuple[Variant, Scored]]:
    """Its members with what they scored."""
    return ((member, family.scored[member]) for member in family.members)


def scored_at(family: Family, column: Column) -> tuple[Variant, Scored] | None:
    """The member that serves a scale; a model for all scales also serves those that it was not trained on."""
    for variant, scored in scored_rows(family):
        if column in scored.rows and (not is_per_scale(family) or column.scale in variant.scales):
            return variant, scored
    return None
