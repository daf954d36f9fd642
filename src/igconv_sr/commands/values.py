"""Values of a composed configuration against what those who read them can take."""

import inspect
import math
import re
import typing
from collections.abc import Iterator
from typing import Annotated, Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from igconv_sr.errors import InputError, refusing

_FURTHER = "**"
"""Stands for all arguments that a constructor does not name."""

_SIZES = re.compile(r"(model|upsampler)\..+")
_NEVER_NEGATIVE = re.compile(r"(data|loss|optim\.scheduler)\..+|trainer\.(?!devices$).+")
_PLAIN = (bool, int, float, str)
_LARGEST_SIZE = 2**16
"""The largest whole number there: widths, counts of blocks and the like."""


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

    What is written in another type becomes the declared one: ``no`` is false, 2.0 blocks are 2, and a run may be called
    2026.

    Args:
        config: Composed; changed in place.

    Raises:
        InputError: If a constructor could not take one.
    """
    for key, value, declared in _declared(OmegaConf.to_container(config, resolve=True, throw_on_missing=False)):
        typed = _check(key, value, declared)
        is_other = type(typed) is not type(value) and not (isinstance(value, int) and type(typed) is float)
        if is_other and isinstance(value, _PLAIN) and isinstance(typed, _PLAIN):
            OmegaConf.update(config, key, typed, force_add=True)
            value = typed
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not math.isfinite(value):
            raise InputError(f"{key}={value}: must be a finite number")
        if is_number and value < 0 and _NEVER_NEGATIVE.fullmatch(key):
            raise InputError(f"{key}={value}: must not be negative")
        if _SIZES.fullmatch(key):
            for size in value if isinstance(value, list) else [value]:
                if isinstance(size, int) and not isinstance(size, bool) and not 1 <= size <= _LARGEST_SIZE:
                    raise InputError(f"{key}={_as_typed(value)}: must be from 1 to {_LARGEST_SIZE}")


def _check(key: str, value: Any, declared: Any) -> Any:
    """The value as the declared type takes it."""
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    lenient = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)
    try:
        adapter = TypeAdapter(declared, config=None if _has_own_config(declared) else lenient)
        # Python takes true and false for numbers.
        return adapter.validate_python(value, strict=True if isinstance(value, bool) else None)
    except PydanticUserError:
        return value  # declared by something that is no type, such as callable
    except ValidationError as error:
        # Of a union every part complains; the longest complaint lists most of what is possible.
        found = error.errors()
        reason = max((each["msg"] for each in found), key=len)
        if isinstance(value, list) and (missing := sum(each["type"] == "missing" for each in found)):
            reason = f"needs {len(value) + missing} values"
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
