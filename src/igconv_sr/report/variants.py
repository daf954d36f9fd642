"""Which rows are the same model trained in the same way, but for the seed, and how they are told from others."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from igconv_sr.report.found_runs import Measured
from igconv_sr.runs.files import Row
from igconv_sr.runs.results import WEIGHTS_OF
from igconv_sr.runs.same_training import what_matters
from igconv_sr.runs.trainings import Training
from igconv_sr.scale import plain_scale
from igconv_sr.weights.card import RAW

_IN_COLUMNS = re.compile(r"seed|data\.seed|run\..+|trainer\.(_target_|max_steps)|.*\._partial_")
"""Keys that other columns state, or that say nothing."""

_STATED = re.compile(r"upsampler\.(_target_|fgrep|igsample)|loss\.frequency|data\.scales|optim\.scheduler\.max_steps")
"""Keys that a variant's name or its columns state already."""

_UPSAMPLERS = ("", "spconv", "spconv_plus", "igconv", "igconv_plus")
PER_SCALE = ("spconv", "spconv_plus")
"""Upsamplers that the paper trains once per scale."""


class Fact(NamedTuple):
    """A part of the method.

    Attributes:
        text: In words, also where it is absent.
        present: Whether it is there.
    """

    text: str
    present: bool


@dataclass(frozen=True)
class Variant:
    """A model and the way it was trained, but for the seed.

    Attributes:
        model: Name of the encoder, or ``bicubic``.
        upsampler: Name of the upsampler, empty for bicubic.
        fgrep: As results state it.
        params: Stored parameters.
        train_data: What it was trained on; empty for bicubic.
        steps: Optimiser steps.
        settings: All keys of the configuration that matter, with their values; None where it is not known.
        mark: Folder of the results, where two that should be equal are not.
    """

    model: str
    upsampler: str
    fgrep: str
    params: int
    train_data: str
    steps: int
    settings: tuple[tuple[str, str], ...] | None
    mark: str = ""

    @property
    def known(self) -> dict[str, str]:
        """The settings; empty where they are not known."""
        return dict(self.settings or ())

    @property
    def scales(self) -> tuple[float, ...]:
        """Scales of the training, also where they were written as ``7/3``; empty where they are not known."""
        return tuple(plain_scale(scale) for scale in json.loads(self.known.get("data.scales", "[]")))

    @property
    def name(self) -> str:
        """Encoder and upsampler."""
        return f"{self.model} + {self.upsampler}" if self.upsampler else self.model

    @property
    def is_bicubic(self) -> bool:
        """Whether it is bicubic enlargement; finished pictures of some program are not trained here either."""
        return self.model == "bicubic"

    @property
    def facts(self) -> list[Fact]:
        """What the paper varies: the parts of the upsampler and the loss."""
        known = self.known
        facts = []
        if self.upsampler.startswith("igconv"):
            parts = {"FGRep": known.get("upsampler.fgrep", self.fgrep), "IGSample": known.get("upsampler.igsample")}
            for part, value in parts.items():
                if value:
                    facts.append(Fact(part, True) if value in ("true", "True") else Fact(f"no {part}", False))
        if (weight := known.get("loss.frequency")) is not None:
            has_term = float(weight) != 0
            facts.append(Fact(f"frequency loss {weight}" if has_term else "no frequency loss", has_term))
        return facts

    @property
    def order(self) -> tuple[Any, ...]:
        """A key for sorting: encoders by name, upsamplers from the plainest on."""
        known = self.upsampler in _UPSAMPLERS
        place = _UPSAMPLERS.index(self.upsampler) if known else len(_UPSAMPLERS)
        return (self.model, place, self.upsampler, self.scales, self.steps, self.params, self.settings or (), self.mark)

    @property
    def encoder(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The encoder with its arguments: equal for variants that differ in the rest alone."""
        return self.model, tuple(pair for pair in self.settings or () if pair[0].startswith("model."))

    def without_scales(self) -> "Variant":
        """The same for any scales: what models of one scale each have in common."""
        kept = tuple(pair for pair in self.settings or () if pair[0] != "data.scales")
        return replace(self, settings=kept, params=0)


def variant_of(measured: Measured, mark: str = "") -> Variant:
    """The variant that an evaluation is of."""
    source = measured.source
    training = measured.training
    return Variant(
        model=source["model"],
        upsampler=source["upsampler"],
        fgrep=source["fgrep"],
        params=int(source["params"]),
        train_data=_train_data(source["train_data"], training),
        steps=int(source["steps"]),
        settings=None if training is None else (*flat_settings(training.config), *_raw_weights(source)),
        mark=mark,
    )


def _raw_weights(source: Row) -> Iterator[tuple[str, str]]:
    """The raw weights of a training with a moving average are another model than its averaged ones."""
    if source.get(WEIGHTS_OF) == RAW:
        yield WEIGHTS_OF, RAW


def _train_data(name: str, training: Training | None) -> str:
    """The name of the data, with the folder where the name alone says nothing."""
    data = training.config.get("data", {}) if training else {}
    if str(data.get("_target_", "")).endswith(".FolderData"):
        return f"{name}: {data.get('root')}"
    return name


def flat_settings(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """All keys of a configuration that matter for its numbers, with their values; null counts as absent."""
    matter = sorted(what_matters(config).items())
    # Where a published data set lies does not matter; its name is known.
    published = str(config.get("data", {}).get("_target_", "")).endswith(".PublishedData")
    return tuple(
        (key, value if isinstance(value, str) else json.dumps(_plain(value)))
        for key, value in matter
        if not _IN_COLUMNS.fullmatch(key) and not (published and key == "data.root")
    )


def _plain(value: Any) -> Any:
    """The same number in one form, however it was typed: 0.0 is 0."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Labels:
    """How variants are called, so that no two have the same name.

    Args:
        variants: All of the report.
    """

    def __init__(self, variants: Iterable[Variant]) -> None:
        self._variants = sorted(set(variants), key=lambda variant: variant.order)

    def details(self, variant: Variant) -> list[str]:
        """The parts of the upsampler and the loss, and whatever else tells the variant from its neighbours."""
        return [fact.text for fact in variant.facts] + self._more(variant)

    def short(self, variant: Variant, among: Iterable[Variant]) -> str:
        """A name for headings: with details only where another variant has the same name."""
        same = [other for other in among if other.name == variant.name]
        words = [variant.name]
        if len({other.scales for other in same}) > 1:
            words.append(scales_in_words(variant.scales))
        if len({other.steps for other in same}) > 1:
            words.append(f"{variant.steps:,} steps")
        words += _not_shared(_present(variant), [_present(other) for other in same])
        return ", ".join(words + _not_shared(self._more(variant), [self._more(other) for other in same]))

    def of_encoder(self, variant: Variant, among: Iterable[Variant]) -> str:
        """The same for figures of a single encoder, without its name."""
        return self.short(variant, among).removeprefix(f"{variant.model} + ")

    def _more(self, variant: Variant) -> list[str]:
        mark = [f"in {variant.mark}"] if variant.mark else []
        if not variant.upsampler:
            return mark
        if variant.settings is None:
            return [f"{variant.params:,} parameters", "other settings not known: no config.yaml was found", *mark]
        same_encoder = [v for v in self._variants if v.settings is not None and v.model == variant.model]
        near = [v for v in same_encoder if v.train_data == variant.train_data]
        same_upsampler = [v for v in near if v.upsampler == variant.upsampler]
        # Other upsamplers have other keys anyway.
        general = [key for key in variant.known if not key.startswith(("upsampler.", "data."))]
        special = [key for key in variant.known if key.startswith(("upsampler.", "data."))]
        own = [*_differing(general, near), *_differing(special, same_upsampler)]
        return [f"{key}={variant.known[key]}" for key in own] + mark


def _present(variant: Variant) -> list[str]:
    return [fact.text for fact in variant.facts if fact.present]


def _not_shared(words: Sequence[str], others: Sequence[Sequence[str]]) -> list[str]:
    return [word for word in words if not all(word in other for other in others)]


def _differing(keys: Sequence[str], variants: Sequence[Variant]) -> list[str]:
    values: dict[str, set[str | None]] = {key: set() for key in keys if not _STATED.fullmatch(key)}
    for known in (variant.known for variant in variants):
        for key, seen in values.items():
            seen.add(known.get(key))
    return [key for key, seen in values.items() if len(seen) > 1]


def scales_in_words(scales: Sequence[float]) -> str:
    """``×2 ×3 ×4``."""
    return " ".join(f"×{scale:g}" for scale in scales) if scales else "?"
