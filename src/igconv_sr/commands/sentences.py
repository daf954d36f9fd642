"""Turns errors that a user can cause into one line: what is wrong, where, what to do."""

import errno
import inspect
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from igconv_sr.commands.config import CONFIG_FOLDER, is_choice, key_of, quoted
from igconv_sr.errors import InputError, NonFiniteError, did_you_mean

_ANOTHER = "choose another folder, for output with paths.output_dir=…, for decoded images with paths.cache_dir=…"

_COMPOSITION_ERRORS = (ConfigCompositionException, HydraException, OmegaConfBaseException)


def explain(error: BaseException, command: str, arguments: Sequence[str]) -> str | None:
    """The line to print, or None where the error is ours and deserves its traceback.

    Args:
        error: What was raised.
        command: Name of the command, which is also that of its configuration.
        arguments: Hydra overrides given.
    """
    match error:
        case InputError() | NonFiniteError():
            # From a worker of a DataLoader it comes with the worker's traceback in front.
            return str(error).strip().rpartition(f"{type(error).__module__}.{type(error).__name__}: ")[2]
        case OSError() if error.errno is not None:
            return _explain_os_error(error)
        case InstantiationException():
            return _explain_instantiation(error, command, arguments)
        case MissingConfigException():
            return _explain_choice(error)
        case MissingMandatoryValue():
            return f"{error.full_key} has no default; give {error.full_key}=…"
        case OverrideParseException():
            name, equals, value = str(error.override).partition("=")
            if not equals and name.endswith(("]", "}")):
                return f'{name!r}: a list with blanks needs quotes around the whole of it: "benchmarks=[a, b]"'
            if not equals:
                return f"{name!r}: options are name=value, such as model=edsr; --help lists them"
            typed = f"{name}={quoted(value)}"
            pasted = shlex.quote(typed) if set(typed) & set('"$`\\') else f'"{typed}"'
            return f"cannot read {error.override!r}; lists are [a,b], and text with other characters is {pasted}"
        case ValueError() if str(error).startswith("Config group override must be a string"):
            group = next(key_of(each) for each in arguments if each.endswith("=null") and _is_group(key_of(each)))
            return f"{group}=null: a group takes one of its choices; leave {group} out for its default"
        case _ if type(error).__name__ == "MisconfigurationException":  # Lightning's, which takes seconds to import
            advice = "; leave out trainer=… for what there is" if "backend found" in str(error) else ""
            return f"{_first_line(error).rstrip('!')}{advice}"
        case _ if isinstance(error, _COMPOSITION_ERRORS):
            return _explain_override(_first_line(error), command, arguments)
        case _:
            return None


def _is_group(key: str) -> bool:
    return (CONFIG_FOLDER / key).is_dir()


def _explain_os_error(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    advice = {
        errno.ENOSPC: f"; free some space, or {_ANOTHER}",
        errno.EACCES: f"; {_ANOTHER}",
        errno.EPERM: f"; {_ANOTHER}",
        errno.EROFS: f"; {_ANOTHER}",
        errno.EEXIST: "; a file has this name: choose another folder, for output with paths.output_dir=…",
        errno.ENOTDIR: "; a part of this path is a file: choose another folder, for output with paths.output_dir=…",
        errno.ENOENT: "; check the path, for output that of paths.output_dir=…",
    }
    return f"{where}{error.strerror}{advice.get(error.errno or 0, '')}"


def _explain_instantiation(error: InstantiationException, command: str, arguments: Sequence[str]) -> str | None:
    cause = error.__cause__
    if cause is not None and (line := explain(cause, command, arguments)) is not None:
        return line
    text = str(error)
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", text)
    target = re.search(r"target '([\w.]+)'", text)
    group = re.search(r"full_key: ([\w.]+)", text)
    if group and not unexpected and isinstance(cause, (TypeError, ValueError)):
        return f"{group[1]}: {_first_line(cause)}"
    if target and not unexpected and isinstance(cause, (ArithmeticError, TypeError, ValueError)):
        return f"{target[1].rpartition('.')[2]}: {_first_line(cause)}"
    if not (unexpected and target):
        return None
    names = list(inspect.signature(get_object(target[1])).parameters)
    name = target[1].rpartition(".")[2]
    key = f"{group[1]}.{unexpected[1]}" if group else unexpected[1]
    return f"{key}: {name} has no such argument{did_you_mean(unexpected[1], names)}"


def _explain_choice(error: MissingConfigException) -> str:
    group, _, choice = str(error.missing_cfg_file).rpartition("/")
    options = [option for option in error.options or [] if not option.startswith("_")]
    listed = f"; choices: {', '.join(options)}" if options else ""
    return f"{group}={choice}: there is no such choice{did_you_mean(choice, options)}{listed}"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".")


def _explain_override(first: str, command: str, arguments: Sequence[str]) -> str:
    if found := re.search(r"Could not override '([^']+)'", first):
        key = found[1]
        if choices := _choices_with(key):
            return f"{key}: there is no such key here; it belongs to {', '.join(choices)}"
        known = _known_keys(command, arguments)
        group = key.rpartition(".")[0]
        adding = f"; +{key}=… hands it to what {group} stands for" if f"{group}._target_" in known else ""
        return f"{key}: there is no such key{_nearest(key, known)}{adding}"
    if found := re.fullmatch(r"Ambiguous value for argument '([^=]+)=(.*)'", first):
        key, values = found.groups()
        return f"{key}={values}: several values; igconv-sr sweep trains one after the other, a list is {key}=[{values}]"
    return first


def _choices_with(key: str) -> list[str]:
    """The choices of a key's group whose own files hold it: ``data=folder`` for ``data.root``."""
    group, _, name = key.rpartition(".")
    files = sorted((CONFIG_FOLDER / group).glob("[!_]*.yaml")) if group else []
    return [f"{group}={file.stem}" for file in files if name in _keys(OmegaConf.load(file))]


def _keys(config: DictConfig | ListConfig) -> Iterable[Any]:
    return config.keys() if isinstance(config, DictConfig) else ()


def _nearest(key: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown key: one that ends in this name, else the one spelt nearly so."""
    group, _, name = key.rpartition(".")
    inside = [each for each in sorted(known, key=len) if each.startswith(f"{group}.")] if group else []
    candidates = inside or sorted(known, key=len)
    named_so = [each for each in candidates if re.search(rf"[._]{re.escape(name)}$", each)]
    return f"; did you mean {named_so[0]}?" if named_so else did_you_mean(key, candidates)


def _known_keys(command: str, arguments: Sequence[str]) -> set[str]:
    """Keys of the configuration that the valid group choices on the command line make."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        try:
            config = compose(command, overrides=[each for each in arguments if is_choice(each)])
        except ConfigCompositionException:  # a choice of a group that another command has
            config = compose(command)
    return {key for key in _flatten(OmegaConf.to_container(config, resolve=False)) if not key.startswith("published")}


def _flatten(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from _flatten(value, f"{prefix}{key}.")
