"""``data.mix``: several data sets, each with its share of the patches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from igconv_sr.data.sources.selection import CHOICES, Selection, merged, select
from igconv_sr.errors import InputError, did_you_mean

_KEYS = ("data", "root", "weight")


class MixedSet(NamedTuple):
    """One set of a mix.

    Attributes:
        name: As the user calls it.
        weight: Its share of the patches, as a multiple of the others' weights.
        files: Images to train on.
    """

    name: str
    weight: float
    files: list[Path]


def select_mix(mix: Mapping[str, Any], root: str | None) -> tuple[list[MixedSet], Selection]:
    """Finds the sets of a mix; the first that has validation images of its own provides them.

    Args:
        mix: Per set its weight, or ``{weight: …, root: …, data: …}``; ``data`` says which data set it is where the
            name is another one.
        root: Where sets lie that state no root of their own.

    Returns:
        The sets, in the order given, and their files one set behind the other with what they are validated on.

    Raises:
        InputError: If an entry is wrong or a set is not found.
    """
    if not isinstance(mix, Mapping) or not mix:
        raise InputError("data.mix names no set; give sets and weights, such as 'data.mix={div2k: 1, flickr2k: 2}'")
    entries = {str(name): _entry(str(name), value, root) for name, value in mix.items()}
    found = {name: select(choice, folder) for name, (choice, folder, _) in entries.items()}
    source = next((name for name, some in found.items() if not some.held_out), next(iter(found)))
    valid = found[source].valid
    excluded = {path.resolve() for path in valid}
    sets = [MixedSet(name, entries[name][2], _to_train_on(some, excluded)) for name, some in found.items()]
    if empty := [each.name for each in sets if not each.files]:
        raise InputError(f"data.mix.{empty[0]} holds no image besides those validated on")
    notices = [notice for some in found.values() for notice in some.notices]
    where = f"kept back from {source}" if found[source].held_out else found[source].valid_source
    lr_files = merged(some.lr_files for some in found.values())
    files = [path for each in sets for path in each.files]
    return sets, Selection(files, valid, where, found[source].valid_name, notices, lr_files)


def _to_train_on(found: Selection, excluded: set[Path]) -> list[Path]:
    every = [*found.train, *found.valid] if found.held_out else found.train
    return sorted(path for path in every if path.resolve() not in excluded)


def _entry(name: str, value: Any, common_root: str | None) -> tuple[str, Path, float]:
    """Data set, folder and weight."""
    where = f"data.mix.{name}"
    entry = dict(value) if isinstance(value, Mapping) else {"weight": value}
    for key in entry:
        if key not in _KEYS:
            raise InputError(f"{where}.{key}: there is no such key, only {', '.join(_KEYS)}{did_you_mean(key, _KEYS)}")
    choice, root, weight = entry.get("data", name), entry.get("root", common_root), entry.get("weight", 1)
    if choice not in CHOICES:
        hint = f"{did_you_mean(str(choice), CHOICES)}; a folder of your own is {{data: folder, root: /path, weight: 1}}"
        raise InputError(f"{where}: there is no data set {choice!r}, only {', '.join(CHOICES)}{hint}")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
        raise InputError(f"{where}: the weight must be a number above 0, got {weight!r}; leave the set out instead")
    if root is None:
        raise InputError(f"{where}: where it lies is not said; give {where}.root, or data.root for all sets")
    return choice, Path(root).expanduser(), float(weight)
