"""Values as users type them: one for a list, paths with any characters; and those that nothing can take."""

import inspect
import math
import re
import typing
from collections.abc import Container, Iterator, Sequence
from typing import Annotated, Any, get_args, get_origin

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from igconv_sr.commands.config import CONFIG_FOLDER, key_of, quoted
from igconv_sr.errors import InputError, did_you_mean, refusing

_PATHS = re.compile(
    r"ckpt_path|weights|sr|benchmarks|runs|data\.(root|\w*folder|cache_dir)|paths\.\w+|data\.remote\.\w+"
)
"""Keys whose values are taken as they are typed."""

_FURTHER = "**"
"""Stands for all arguments that a constructor does not name."""

_SIZES = re.compile(r"(model|upsampler)\..+")
_NEVER_NEGATIVE = re.compile(r"(data|loss|optim\.scheduler)\..+|trainer\.(?!devices$).+")
_LARGEST_SIZE = 2**16
"""Of whole numbers there: widths, counts of blocks and the like."""


def readable(overrides: Sequence[str]) -> list[str]:
    """Overrides that Hydra can read: paths that are numbers or hold characters that its grammar lacks are quoted.

    Example:
        >>> readable(["ckpt_path=epoch=0-step=2.ckpt", "paths.output_dir=2026", "seed=1"])
        ["ckpt_path='epoch=0-step=2.ckpt'", "paths.output_dir='2026'", 'seed=1']
    """
    return [_readable(override) for override in overrides]


def _readable(override: str) -> str:
    name, equals, value = override.partition("=")
    if not equals or override.startswith("-") or not _PATHS.fullmatch(key_of(override)):
        return override
    if re.fullmatch(r"\[[^'\"\[\]{}$]+\]", value):
        return f"{name}=[{','.join(quoted(part.strip()) for part in value[1:-1].split(','))}]"
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        return override if value[:1] in "'\"" else f"{name}={quoted(value)}"
    is_number = not parsed.is_sweep_override() and isinstance(parsed.value(), int | float)
    return f"{name}={quoted(value)}" if is_number else override


def with_lists(command: str, overrides: Sequence[str]) -> list[str]:
    """Overrides in which a single value stands in a list where a list is meant; Hydra is initialised.

    Args:
        command: Name of its configuration.
        overrides: That Hydra can read.
    """
    choices = [override for override in overrides if _is_choice(override)]
    values = [override for override in overrides if not override.startswith(("-", "+", "~")) and "=" in override]
    known = compose(command, overrides=choices, return_hydra_config=False) if len(values) > len(choices) else None
    lists = _keys_of_lists(command)
    return [_in_list(override, known, lists) if override in values else override for override in overrides]


def _keys_of_lists(command: str) -> set[str]:
    """Keys that take a list or nothing, whose default does not show it."""
    from igconv_sr.commands.own_keys import OWN_KEYS

    return {key for key, declared in OWN_KEYS[command].items() if any(map(_is_list, (declared, *get_args(declared))))}


def _is_list(declared: Any) -> bool:
    return get_origin(declared) is list


def _is_choice(override: str) -> bool:
    group, _, choice = override.partition("=")
    return (CONFIG_FOLDER / group.lstrip("+") / f"{choice}.yaml").is_file()


def _in_list(override: str, known: DictConfig | None, lists: Container[str]) -> str:
    key = key_of(override)
    if known is None or not (
        key in lists or isinstance(OmegaConf.select(known, key, throw_on_missing=False), ListConfig)
    ):
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


def check_own_keys(command: str, config: DictConfig) -> None:
    """Compares the values that a command itself reads with what it can take; nothing of torch is needed for it.

    Args:
        command: Name of its configuration.
        config: Composed.

    Raises:
        InputError: If one cannot be taken.
    """
    from igconv_sr.commands.own_keys import OWN_KEYS

    for key, declared in OWN_KEYS[command].items():
        if OmegaConf.select(config, key.rpartition(".")[0] or key, throw_on_missing=False) is None and "." in key:
            continue  # of a group that is not chosen
        try:
            value: Any = OmegaConf.select(config, key)
        except OmegaConfBaseException:
            continue  # refers to what only the command itself knows
        if OmegaConf.is_config(value):
            value = OmegaConf.to_container(value, resolve=False)
        _check(key, value, declared)


def check_values(config: DictConfig) -> None:
    """Compares values with the types that the constructors of a configuration declare.

    Numbers become text where text is declared, such as the name of a run.

    Args:
        config: Composed; changed in place.

    Raises:
        InputError: If a constructor could not take one.
    """
    for key, value, declared in _declared(OmegaConf.to_container(config, resolve=True, throw_on_missing=False)):
        _check(key, value, declared)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not math.isfinite(value):
            raise InputError(f"{key}={value}: must be a finite number")
        if is_number and value < 0 and _NEVER_NEGATIVE.fullmatch(key):
            raise InputError(f"{key}={value}: must not be negative")
        if is_number and not _takes_numbers(declared):
            OmegaConf.update(config, key, str(value), force_add=True)
        if _SIZES.fullmatch(key):
            for size in value if isinstance(value, list) else [value]:
                if isinstance(size, int) and not isinstance(size, bool) and not 1 <= size <= _LARGEST_SIZE:
                    raise InputError(f"{key}={_as_typed(value)}: must be from 1 to {_LARGEST_SIZE}")


def _takes_numbers(declared: Any) -> bool:
    return declared not in (str, str | None)


def _check(key: str, value: Any, declared: Any) -> None:
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    lenient = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)
    try:
        adapter = TypeAdapter(declared, config=None if _has_own_config(declared) else lenient)
        # Python takes true and false for numbers.
        adapter.validate_python(value, strict=True if isinstance(value, bool) else None)
    except PydanticUserError:
        return  # declared by something that is no type, such as callable
    except ValidationError as error:
        # Of a union every part complains; the longest complaint lists most of what is possible.
        reason = max((each["msg"] for each in error.errors()), key=len)
        raise InputError(f"{key}={_as_typed(value)}: {reason[0].lower()}{reason[1:]}") from None


def _as_typed(value: Any) -> Any:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else value


def _has_own_config(declared: Any) -> bool:
    return hasattr(declared, "__pydantic_config__") or hasattr(declared, "__dataclass_fields__")


def _declared(node: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Key, value and declared type of all plain arguments of the constructors of a configuration."""
    if not isinstance(node, dict):
        return
    types = {}
    if "_target_" in node:
        from pydantic import Strict

        types = _types(f"{prefix}_target_", node["_target_"]) | {"_partial_": Annotated[bool, Strict()]}
    for name, value in node.items():
        key = f"{prefix}{name}"
        if _holds_target(value):
            yield from _declared(value, f"{key}.")
        elif (name in types or _FURTHER in types) and name != "_target_" and value != "???":
            yield key, value, types.get(name, types.get(_FURTHER))


def _holds_target(value: Any) -> bool:
    return isinstance(value, dict) and ("_target_" in value or any(map(_holds_target, value.values())))


def _types(key: str, target: Any) -> dict[str, Any]:
    """Declared types of arguments; those of bases where a class hands its keyword arguments on."""
    with refusing(f"{key}={_as_typed(target)}"):
        constructed = get_object(target)
    if not callable(constructed):
        raise InputError(f"{key}={target}: is no class or function")
    classes = constructed.__mro__ if inspect.isclass(constructed) else ()
    makers = [vars(base)["__init__"] for base in reversed(classes) if "__init__" in vars(base)] or [constructed]
    types: dict[str, Any] = {}
    for maker in makers:
        try:
            hints = typing.get_type_hints(maker)
            arguments = list(inspect.signature(maker).parameters.values())
        except (AttributeError, NameError, TypeError, ValueError):  # hints for a type checker alone, or none at all
            continue
        further = {argument.name for argument in arguments if argument.kind is argument.VAR_KEYWORD}
        types.pop(_FURTHER, None)
        types |= {_FURTHER if name in further else name: declared for name, declared in hints.items()}
    return {name: declared for name, declared in types.items() if not isinstance(declared, typing.TypeVar)}
