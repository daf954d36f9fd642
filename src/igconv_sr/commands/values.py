"""Values as users type them: one for a list, paths with any characters; and those that nothing can take."""

import inspect
import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf

from igconv_sr.commands.config import CONFIG_FOLDER, key_of, quoted
from igconv_sr.errors import InputError, did_you_mean

_PATHS = re.compile(r"ckpt_path|weights|benchmarks|data\.(root|\w*folder|cache_dir)|paths\.\w+|data\.remote\.\w+")
"""Keys whose values are taken as they are typed."""


def readable(overrides: Sequence[str]) -> list[str]:
    """Overrides that Hydra can read: paths with other characters than its grammar knows are quoted.

    Example:
        >>> readable(["ckpt_path=epoch=0-step=2.ckpt", "seed=1"])
        ["ckpt_path='epoch=0-step=2.ckpt'", 'seed=1']
    """
    return [_readable(override) for override in overrides]


def _readable(override: str) -> str:
    name, equals, value = override.partition("=")
    if not equals or override.startswith("-") or not _PATHS.fullmatch(key_of(override)):
        return override
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        if re.fullmatch(r"\[[^'\"]*\]", value):
            return f"{name}=[{','.join(quoted(part.strip()) for part in value[1:-1].split(','))}]"
        return override if value[:1] in "'\"" else f"{name}={quoted(value)}"
    return override


def with_lists(command: str, overrides: Sequence[str]) -> list[str]:
    """Overrides in which a single value stands in a list where a list is meant; Hydra is initialised.

    Args:
        command: Name of its configuration.
        overrides: That Hydra can read.
    """
    choices = [override for override in overrides if _is_choice(override)]
    values = [override for override in overrides if not override.startswith(("-", "+", "~")) and "=" in override]
    known = compose(command, overrides=choices, return_hydra_config=False) if len(values) > len(choices) else None
    return [_in_list(override, known) if override in values else override for override in overrides]


def _is_choice(override: str) -> bool:
    group, _, choice = override.partition("=")
    return (CONFIG_FOLDER / group.lstrip("+") / f"{choice}.yaml").is_file()


def _in_list(override: str, known: DictConfig | None) -> str:
    if known is None or not isinstance(OmegaConf.select(known, key_of(override), throw_on_missing=False), ListConfig):
        return override
    parsed = OverridesParser.create().parse_override(override)
    if parsed.is_sweep_override() or isinstance(parsed.value(), list | dict | None):
        return override
    name, _, value = override.partition("=")
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
            raise InputError(f"{unread}: nothing reads this key{did_you_mean(unread, known)}")


def check_values(config: DictConfig) -> None:
    """Compares values with the types that the constructors of a configuration declare.

    Args:
        config: Composed.

    Raises:
        InputError: If a constructor could not take one.
    """
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    lenient = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)
    for key, value, declared in _declared(OmegaConf.to_container(config, resolve=True, throw_on_missing=False)):
        try:
            TypeAdapter(declared, config=None if _has_own_config(declared) else lenient).validate_python(value)
        except PydanticUserError:
            continue  # declared by something that is no type, such as callable
        except ValidationError as error:
            # Of a union every part complains; the longest complaint lists most of what is possible.
            reason = max((each["msg"] for each in error.errors()), key=len)
            raise InputError(f"{key}={value}: {reason[0].lower()}{reason[1:]}") from None


def _has_own_config(declared: Any) -> bool:
    return hasattr(declared, "__pydantic_config__") or hasattr(declared, "__dataclass_fields__")


def _declared(node: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Key, value and declared type of all plain arguments of the constructors of a configuration."""
    if not isinstance(node, dict):
        return
    types = _types(node["_target_"]) if isinstance(node.get("_target_"), str) else {}
    for name, value in node.items():
        key = f"{prefix}{name}"
        if _holds_target(value):
            yield from _declared(value, f"{key}.")
        elif name in types and value != "???" and value is not None:
            yield key, value, types[name]


def _holds_target(value: Any) -> bool:
    return isinstance(value, dict) and ("_target_" in value or any(map(_holds_target, value.values())))


def _types(target: str) -> dict[str, Any]:
    """Declared types of arguments; those of bases where a class hands its keyword arguments on."""
    constructed = get_object(target)
    classes = constructed.__mro__ if inspect.isclass(constructed) else ()
    makers = [vars(base)["__init__"] for base in reversed(classes) if "__init__" in vars(base)] or [constructed]
    types: dict[str, Any] = {}
    for maker in makers:
        try:
            types |= typing.get_type_hints(maker)
        except (AttributeError, NameError, TypeError):  # hints for a type checker alone
            continue
    return {name: declared for name, declared in types.items() if not isinstance(declared, typing.TypeVar)}
