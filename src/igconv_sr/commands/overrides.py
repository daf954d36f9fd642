"""Overrides as users type them: paths with any characters, one value for a list, keys that nothing reads."""

import re
from collections.abc import Container, Sequence
from typing import get_args, get_origin

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from igconv_sr.commands.config import CONFIG_FOLDER, is_choice, key_of, quoted
from igconv_sr.errors import InputError, did_you_mean

_PATHS = re.compile(
    r"ckpt_path|weights|sr|benchmarks|runs|data\.(root|\w*folder|cache_dir)|paths\.\w+|data\.remote\.\w+"
)
"""Keys whose values are taken as they are typed."""

_LISTS_OF_PATHS = ("benchmarks", "runs")


def readable(overrides: Sequence[str], several: bool = False) -> list[str]:
    """Overrides that Hydra can read: paths that are numbers or hold characters that its grammar lacks are quoted.

    Args:
        overrides: As typed.
        several: Whether commas stand between several values, as in a sweep; else they belong to a path.

    Example:
        >>> readable(["ckpt_path=epoch=0-step=2.ckpt", "paths.output_dir=2026", "seed=1"])
        ["ckpt_path='epoch=0-step=2.ckpt'", "paths.output_dir='2026'", 'seed=1']
    """
    return [_readable(override, several) for override in overrides]


def _readable(override: str, several: bool) -> str:
    name, equals, value = override.partition("=")
    if not equals or override.startswith("-") or not _PATHS.fullmatch(key_of(override)):
        return override
    if re.fullmatch(r"\[[^'\"\[\]{}$]+\]", value):
        return f"{name}=[{','.join(quoted(part.strip()) for part in value[1:-1].split(','))}]"
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        return override if value[:1] in "'\"" else f"{name}={quoted(value)}"
    if parsed.is_sweep_override():
        return override if several or key_of(override) in _LISTS_OF_PATHS else f"{name}={quoted(value)}"
    return f"{name}={quoted(value)}" if isinstance(parsed.value(), int | float) else override


def with_lists(command: str, overrides: Sequence[str], several: bool = False) -> list[str]:
    """Overrides in which a single value stands in a list where a list is meant; Hydra is initialised.

    Args:
        command: Name of its configuration.
        overrides: That Hydra can read.
        several: Whether commas stand between several values, as in a sweep.
    """
    choices = [override for override in overrides if is_choice(override)]
    values = [override for override in overrides if not override.startswith(("-", "+", "~")) and "=" in override]
    known = compose(command, overrides=choices, return_hydra_config=False) if len(values) > len(choices) else None
    lists = _keys_of_lists(command)
    return [_in_list(override, known, lists, several) if override in values else override for override in overrides]


def _keys_of_lists(command: str) -> set[str]:
    """Keys that take a list or nothing, whose default does not show it."""
    from igconv_sr.commands.own_keys import OWN_KEYS

    keys = OWN_KEYS[command].items()
    return {key for key, declared in keys if list in [get_origin(part) for part in (declared, *get_args(declared))]}


def _in_list(override: str, known: DictConfig | None, lists: Container[str], several: bool) -> str:
    key = key_of(override)
    if known is None or not (
        key in lists or isinstance(OmegaConf.select(known, key, throw_on_missing=False), ListConfig)
    ):
        return override
    parsed = OverridesParser.create().parse_override(override)
    name, _, value = override.partition("=")
    if parsed.is_sweep_override():
        if not several:
            return override
        each = [_in_list(f"{name}={one}", known, lists, several) for one in parsed.sweep_string_iterator()]
        return f"{name}={','.join(one.partition('=')[2] for one in each)}"
    if isinstance(parsed.value(), list | dict | None):
        return override
    return override if value.startswith("${") else f"{name}=[{value}]"


def refuse_unread(command: str, overrides: Sequence[str]) -> None:
    """Refuses keys that were added where nothing reads them; Hydra is initialised.

    Args:
        command: Name of its configuration.
        overrides: As typed.

    Raises:
        InputError: If there is one.
    """
    added = [key_of(override) for override in overrides if override.startswith("+")]
    new = [key for key in added if "." not in key and not (CONFIG_FOLDER / key).is_dir()]
    if new:
        known = sorted(str(key) for key in compose(command))
        unread = next((key for key in new if key not in known), None)
        if unread is not None:
            choice = next(iter(sorted(CONFIG_FOLDER.glob(f"*/{unread}.yaml"))), None)
            advice = did_you_mean(unread, known) if choice is None else f"; did you mean {choice.parent.name}={unread}?"
            raise InputError(f"{unread}: nothing reads this key{advice}")
