"""One training of a sweep and what is known of it: ``cell.json`` in its folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from igconv_sr.errors import InputError
from igconv_sr.runs.files import read_json
from igconv_sr.system.files import replacing
from igconv_sr.system.lock import is_locked

State = Literal["waiting", "running", "finished", "failed", "interrupted"]

FILE_NAME = "cell.json"

LOCK = "lock"
"""File in a cell's folder, locked while it is trained."""

_IN_NAME = ("model", "upsampler", "variant", "seed", "data.scales", "experiment")
"""Keys that a cell's name states anyway."""


@dataclass(frozen=True)
class Cell:
    """A training of a sweep.

    Attributes:
        name: Short and readable.
        hash: Of its configuration, see :func:`igconv_sr.runs.same_training.cell_hash`; the name of its folder.
        overrides: What ``igconv-sr train`` is given.
        state: ``waiting`` until it is first started. A cell is ``running`` only while its lock is held.
        reason: Why it failed or was interrupted, in a line.
        started: When it was first started, ISO 8601.
        ended: When it last ended, in whatever way.
    """

    name: str
    hash: str
    overrides: Sequence[str]
    state: State = "waiting"
    reason: str = ""
    started: str = ""
    ended: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads a cell from its folder; one whose process is gone is interrupted, whatever its file says.

        Raises:
            InputError: If its file is missing or damaged.
        """
        path = folder / FILE_NAME
        running = is_locked(folder / LOCK)  # looked at first: a cell that ends in between has then written how
        try:
            cell = cls(**read_json(path))
        except FileNotFoundError as error:
            raise InputError(f"{folder} is no cell of a sweep: it holds no {FILE_NAME}") from error
        except TypeError as error:
            raise InputError(f"{path} is damaged ({error}); remove {folder} to start this cell anew") from error
        if cell.state == "running" and not running:
            return replace(cell, state="interrupted", reason=cell.reason or "its process is gone")
        return cell

    def write(self, folder: Path, **changes: Any) -> Self:
        """Writes the cell with some values changed, by renaming; returns it."""
        cell = replace(self, **changes)
        with replacing(folder / FILE_NAME) as partial:
            partial.write_text(json.dumps(asdict(cell), indent=2) + "\n")
        return cell


def read_cells(sweep: Path) -> dict[Path, Cell]:
    """All cells of a sweep's folder, by their folders, in the order of their names."""
    cells = {path.parent: Cell.read(path.parent) for path in sweep.glob(f"*/{FILE_NAME}")}
    return dict(sorted(cells.items(), key=lambda item: (item[1].name, item[1].hash)))


def now() -> str:
    """The time as it stands in ``cell.json``."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


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
