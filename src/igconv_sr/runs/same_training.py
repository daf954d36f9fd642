"""What makes two trainings the same: the keys that leave their weights as they are, beyond rounding, each with why.

The hash of a sweep's cell, the report's variants and the provenance of a run go by it. Which keys may change while a
training goes on is another question: :mod:`igconv_sr.runs.training_keys`.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Irrelevant(NamedTuple):
    """Keys that make no other training.

    Attributes:
        keys: Matches them.
        reason: Why.
        hashed_as: The value that stands for any in hashes: their usual one, which hashes of older runs hold. None: they
            are not in hashes.
    """

    keys: re.Pattern[str]
    reason: str
    hashed_as: Any = None


def _irrelevant(keys: str, reason: str, hashed_as: Any = None) -> Irrelevant:
    return Irrelevant(re.compile(keys), reason, hashed_as)


_LENGTH = 10
"""Characters of a hash."""

_SAME_CROPS = "the crops are the same, bit for bit"
_ONE_DRAW = "all ranks and micro-batches share one draw; their sums differ by rounding"

IRRELEVANT = (
    _irrelevant(r"(hydra|paths|logger)(\..+)?|ckpt_path", "where things lie, what is logged, and what is continued"),
    _irrelevant(r"(published|upsampler_size|budget)(\..+)?", "values that other keys refer to, and are seen there"),
    _irrelevant(
        r"callbacks\.(learning_rate|scale_steps|image_panels|progress_bar|step_file)(\..+)?|callbacks\.ema\._target_",
        "they watch a training; what an average depends on is its decay",
    ),
    _irrelevant(r"benchmarks|further_scales", "a trained model can be scored on further ones"),
    _irrelevant(r"weights_strict", "it refuses a training or lets it be"),
    _irrelevant(r"tile|tile_overlap", "of validation and results, whose protocol says it"),
    _irrelevant(r"data\.(cache_dir|num_workers|prefetch)", _SAME_CROPS),
    _irrelevant(r"data\.storage", _SAME_CROPS, "decoded"),
    _irrelevant(r"trainer\.(val_check_interval|\w+_every_n_steps|enable_\w+)", "when something is written or shown"),
    _irrelevant(r"trainer\.compile|optim\.optimizer\.fused", "the same function in other operations"),
    _irrelevant(r"trainer\.accelerator", "devices differ by rounding", "auto"),
    _irrelevant(r"trainer\.strategy", _ONE_DRAW, "auto"),
    _irrelevant(r"trainer\.(devices|num_nodes)", _ONE_DRAW, 1),
    _irrelevant(r"data\.max_batch_per_device", _ONE_DRAW, 64),
)

_BY_RANK = re.compile(r"trainer\.(devices|num_nodes)|data\.max_batch_per_device")
"""Matters where each rank draws a scale of its own."""


_REPEATED = _irrelevant(r"callbacks\.ema\.decay", "it is what optim.ema_decay says")


def repeats_another(key: str, config: Mapping[str, Any]) -> bool:
    """Whether a key says what another says, as the decay of the average does unless it is set by itself.

    Args:
        key: With its groups.
        config: That it stands in, as nested dictionaries.
    """
    if not _REPEATED.keys.fullmatch(key):
        return False
    average = (config.get("callbacks") or {}).get("ema") or {}
    return average.get("decay") == (config.get("optim") or {}).get("ema_decay")


def irrelevant(key: str, config: Mapping[str, Any]) -> Irrelevant | None:
    """Why a key makes no other training; None if it may.

    Args:
        key: With its groups, such as ``trainer.devices``.
        config: That it stands in.
    """
    if _BY_RANK.fullmatch(key) and config.get("data", {}).get("scale_schedule") == "per_rank":
        return None
    if repeats_another(key, config):
        return _REPEATED
    return next((rule for rule in IRRELEVANT if rule.keys.fullmatch(key)), None)


def what_matters(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a configuration that can change a weight, with their values; null counts as absent."""
    return {key: value for key, value in flat(config) if irrelevant(key, config) is None}


def cell_hash(config: Mapping[str, Any]) -> str:
    """Hash of what matters of a resolved configuration: what makes two cells of a sweep the same.

    What is null counts as absent, so that a key added to the suite later, off by default, leaves older cells valid.
    Keys that older hashes hold stand in it with their usual values.
    """

    def kept(node: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        found = {}
        for name, value in node.items():
            rule = irrelevant(prefix + name, config)
            if value is None or (rule is not None and rule.hashed_as is None):
                continue
            if rule is not None:
                value = rule.hashed_as
            inner = kept(value, f"{prefix}{name}.") if isinstance(value, Mapping) else value
            if inner or inner == value:  # a group without anything that matters is none
                found[name] = inner
        return found

    text = json.dumps(kept(config, ""), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All keys with their groups in front, and their values; null counts as absent."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value
