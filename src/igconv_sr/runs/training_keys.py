"""Which keys of a configuration shape a training, and which of them may change while it goes on, with the reasons.

A key may change if nothing in a checkpoint depends on its value and the training stays the one that its card, its
results and its report describe. The network (``model``, ``upsampler``, ``data.scales``) is compared by the model card;
keys without a rule (folders, loggers, benchmarks, names, values that others refer to) change no weight.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from igconv_sr.runs.same_training import flat, repeats_another

TRAINING_IMAGES, VALIDATION_IMAGES = "training images", "validation images"
"""Compared beside the keys: which files they are, as the same folder may hold others, and a set may have moved."""

_SCHEDULE = "optim.scheduler._target_"
OWN_SCHEDULE = "igconv_sr.optim.learning_rate_schedule"
"""The schedule of this package, a function of the step alone."""


class Rule(NamedTuple):
    """What is to be done about some keys.

    Attributes:
        keys: Matches them.
        may_change: Whether a training can go on with another value, which then takes effect.
        reason: Why, as an error says it.
    """

    keys: re.Pattern[str]
    may_change: bool
    reason: str


class Change(NamedTuple):
    """A key that a training is to go on with at another value.

    Attributes:
        key: The key.
        before: Its value in the checkpoint; None where it has none.
        now: Its value now; None where it has none.
        rule: What is to be done about it.
    """

    key: str
    before: Any
    now: Any
    rule: Rule


def _rule(keys: str, may_change: bool, reason: str) -> Rule:
    return Rule(re.compile(keys), may_change, reason)


_RATE = _rule(
    r"optim\.optimizer\.lr|optim\.scheduler\.(?!_)\w+",
    True,
    "the rate is a function of the step alone, which the checkpoint does not hold",
)
"""Only with the schedule of this package: another one may have its past in the checkpoint."""

RULES = (
    _RATE,
    _rule(
        r"data\.(global_batch_size|max_batch_per_device|lr_patch_size)",
        True,
        "how much a step sees follows the memory and the number of devices; no state has that shape",
    ),
    _rule(r"optim\.optimizer\.fused", True, "the same updates in fewer passes"),
    _rule(r"data\.(num_workers|storage)", True, "the crops are the same, bit for bit"),
    _rule(
        r"data\.(.+\.)?(root|train_folder|valid_folder)",
        True,
        "a set may have moved; whether it is the same is told by its files",
    ),
    _rule(
        r"trainer\..+",
        True,
        "steps, devices, precision, clipping and logging are how one goes on; clipping is a way out of a loss that "
        "diverged",
    ),
    _rule(r"seed|data\.seed", False, "every draw follows from it"),
    _rule(
        rf"data\.(?!scales$|cache_dir$).+|{TRAINING_IMAGES}",
        False,
        "results say what a model was trained on, and that has to hold for all its steps",
    ),
    _rule(VALIDATION_IMAGES, False, "the best checkpoints so far were chosen by them"),
    _rule(r"loss\..+", False, "the optimiser's state and the logged loss come from it"),
    _rule(
        r"optim\.ema_decay|callbacks\.ema\.decay",
        False,
        "which weights the checkpoint holds, averaged and raw, hangs on it",
    ),
    _rule(r"optim\..+", False, "the checkpoint's state of optimiser and schedule was made with it"),
    _rule(r"weights", False, "a training takes weights at its first step only"),
)
"""The first that matches a key holds."""


def training_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that shape a training, with their values.

    What is null counts as absent, so that a key added to the suite later, off by default, leaves older checkpoints
    valid.

    Args:
        config: Resolved, as plain dictionaries.
    """
    return {
        key: value
        for key, value in flat(config)
        if any(rule.keys.fullmatch(key) for rule in RULES) and not repeats_another(key, config)
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Keys whose values differ, with the rule for each."""
    is_own = before.get(_SCHEDULE) == now.get(_SCHEDULE) == OWN_SCHEDULE
    rules = RULES if is_own else tuple(rule for rule in RULES if rule is not _RATE)
    return [
        Change(key, before.get(key), now.get(key), next(rule for rule in rules if rule.keys.fullmatch(key)))
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
