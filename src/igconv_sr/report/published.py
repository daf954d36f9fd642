"""Published numbers beside the measured ones of the same model, upsampler, data and steps."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.report.seed_means import Rows, Scored
from igconv_sr.report.variants import PER_SCALE, Variant, flat_settings, scales_in_words
from igconv_sr.runs.files import read_yaml
from igconv_sr.runs.trainings import EARLIER_STAGES, stage_in_words

FILE = Path(__file__).with_name("published.yaml")
COMPARABLE_PROTOCOLS = ("standard", "basicsr")
"""Those of the literature; they differ where a benchmark holds a gray file."""

_UPSAMPLERS = {"": "", "SPConv": "spconv", "SPConv+": "spconv_plus", "IGConv": "igconv", "IGConv+": "igconv_plus"}
_ROW_KEYS = ("encoder", "upsampler", "scale")


class PublishedRow(NamedTuple):
    """A row of a published table.

    Attributes:
        table: Its title.
        train_data: As published.
        encoder: As published.
        upsampler: As published.
        scale: r.
        values: By benchmark: PSNR in dB and SSIM on luma.
    """

    table: str
    train_data: str
    encoder: str
    upsampler: str
    scale: int
    values: Mapping[str, tuple[float, float]]

    @property
    def name(self) -> str:
        """Encoder and upsampler."""
        return f"{self.encoder} + {self.upsampler}" if self.upsampler else self.encoder


class Match(NamedTuple):
    """A published row that was measured.

    Attributes:
        published: The row.
        variant: What was measured.
        scored: Its numbers.
    """

    published: PublishedRow
    variant: Variant
    scored: Scored


@cache
def published_rows() -> list[PublishedRow]:
    """All published rows, in the order of the tables."""
    return [
        PublishedRow(
            table=table["title"],
            train_data=table["train_data"],
            **{key: row[key] for key in _ROW_KEYS},
            values={name: tuple(pair) for name, pair in row.items() if name not in _ROW_KEYS},
        )
        for table in read_yaml(FILE)["results"]
        for row in table["rows"]
    ]


@cache
def _recipes() -> dict[str, Any]:
    recipes: dict[str, Any] = read_yaml(FILE)["recipes"]
    return recipes


def match_published(rows: Rows) -> tuple[list[Match], dict[str, list[Variant]]]:
    """Finds the published rows that were measured.

    Args:
        rows: Of one protocol.

    Returns:
        The matches in the order of the published tables, and by reason the variants of a published encoder and
        upsampler that are something else.
    """
    matches, unlike = [], dict[str, list[Variant]]()
    matched = set()
    for row in published_rows():
        for variant, scored in rows.items():
            measured = any(column.scale == row.scale for column in scored.rows)
            if measured and _is_named(row, variant) and not departures(row, variant):
                matches.append(Match(row, variant, scored))
                matched.add(variant)
    for variant in rows:
        if variant in matched:
            continue
        reasons = [departures(row, variant) for row in published_rows() if _is_named(row, variant)]
        if reasons:
            fewest: list[str] = min(reasons, key=len)
            unlike.setdefault("; ".join(fewest), []).append(variant)
    return matches, unlike


def _is_named(row: PublishedRow, variant: Variant) -> bool:
    recipe = _recipes()[row.encoder]
    return variant.model == recipe["model"] and variant.upsampler == _UPSAMPLERS[row.upsampler]


def departures(row: PublishedRow, variant: Variant) -> list[str]:
    """What keeps a measured variant from being the model of a published row, in words; empty if it is."""
    recipe = _recipes()[row.encoder]
    if not variant.upsampler:
        return []
    if variant.settings is None:
        return ["its configuration is not known"]
    if recipe["steps"] is None:
        return [f"the steps of {row.encoder} are not published"]
    known = variant.known
    frequency = recipe["frequency"].get(row.upsampler, 0)
    scales = (row.scale,) if variant.upsampler in PER_SCALE else tuple(recipe["scales"])
    *earlier, steps = recipe["steps"]
    first_data = recipe.get("pretrained_on", recipe["train_data"])
    stages = [stage_in_words(first_data, number) for number in earlier]
    checks = (
        ("data", variant.train_data, recipe["train_data"]),
        ("earlier stages", _stages_in_words(json.loads(known.get(EARLIER_STAGES, "[]"))), _stages_in_words(stages)),
        ("steps", f"{variant.steps:,}", f"{steps:,}"),
        ("scales of training", scales_in_words(variant.scales), scales_in_words(scales)),
        ("frequency loss", f"{float(known.get('loss.frequency', 'nan')):g}", f"{frequency:g}"),
    )
    found = [f"{name} {own}, not {theirs}" for name, own, theirs in checks if own != theirs]
    expected = _reference(variant.model, variant.upsampler) | {
        key: str(value) for key, value in recipe.get("differs", {}).get(row.upsampler, {}).items()
    }
    parts = {key: value for key, value in known.items() if key.startswith(("model.", "upsampler."))}
    return found + [
        f"{key} {parts.get(key)}, not {expected.get(key)}"
        for key in sorted(parts.keys() | expected.keys())
        if parts.get(key) != expected.get(key)
    ]


def _stages_in_words(stages: Sequence[str]) -> str:
    return ", ".join(stages) or "none"


@cache
def _reference(model: str, upsampler: str) -> dict[str, str]:
    """Arguments of the encoder and the upsampler as conf/ has them, which are the published ones."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", [f"model={model}", f"upsampler={upsampler}"])
    return {
        key: value
        for part in ("model", "upsampler")
        for key, value in flat_settings({part: OmegaConf.to_container(config[part], resolve=True)})
    }
