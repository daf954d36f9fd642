"""What makes two cells the same: a hash of everything in their configurations that can change a weight."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from igconv_sr.runs.same_training import what_is_hashed

_LENGTH = 10
_IN_NAME = ("model", "upsampler", "variant", "seed", "data.scales", "experiment")


def cell_hash(config: Mapping[str, Any]) -> str:
    """Hash of a resolved configuration.

    What is null counts as absent, so that a key added to the suite later, off by default, leaves older cells valid.
    """
    kept = what_is_hashed(config)
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:_LENGTH]


def cell_name(config: Mapping[str, Any], variant: str | None, swept: Mapping[str, str]) -> str:
    """A short name: model, upsampler or variant, scales, what else is swept, seed.

    Args:
        config: Resolved.
        variant: Choice of the group of that name, if there is one.
        swept: Keys of which the sweep has several values, with that of this cell.

    Example:
        >>> config = {"run": {"model": "edsr", "upsampler": "igconv"}, "data": {"scales": [2, 3]}, "seed": 1}
        >>> cell_name(config, None, {"loss.frequency": "0"})
        'edsr-igconv-x2x3-frequency0-seed1'
    """
    scales = "".join(f"x{scale}" for scale in config["data"]["scales"])
    more = [f"{key.rpartition('.')[2]}{_plain(value)}" for key, value in swept.items() if key not in _IN_NAME]
    parts: Sequence[str] = (config["run"]["model"], variant or config["run"]["upsampler"], scales, *more)
    return "-".join((*parts, f"seed{config['seed']}"))


def _plain(value: str) -> str:
    return "".join(character if character.isalnum() or character in "._" else "_" for character in value)
