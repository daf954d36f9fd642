"""Loggers that need more than a line of configuration."""

import json
import netrc
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from wandb.errors import CommError

from igconv_sr.errors import InputError
from igconv_sr.runs.logged_names import STEP
from igconv_sr.system.console import is_first_rank, say
from igconv_sr.system.files import replacing
from igconv_sr.training.callbacks import LAST

_NOTE = "wandb_run.json"

_FLUSH_SECONDS = 0.02
"""How often wandb writes rows to disk: what SIGKILL can lose. Of a core, 1.6 % at 0.01 s and 0.5 % at 0.05 s were
measured, and none of 300 rows lost at either; wandb's default of 15 s lost 86 of 200."""


@dataclass
class RunNote:
    """What a W&B run was given so far, on disk before it is given.

    Attributes:
        id: W&B's name of the run, the same for all its parts.
        next_row: W&B's own count of rows, one for each call.
        last_steps: The last step logged of each name. The steps of a name increase, those of a run do not: pictures of
            a validation come before its scores and carry a higher step.
    """

    id: str
    next_row: int = 0
    last_steps: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "RunNote":
        """Reads the note of a training's folder.

        Raises:
            InputError: If it is damaged.
        """
        file = folder / _NOTE
        try:
            return cls(**json.loads(file.read_text()))
        except (ValueError, TypeError) as error:
            raise InputError(f"{file} is damaged ({error}); without it the training is a new W&B run") from error

    def write(self, folder: Path) -> None:
        """Replaces the note of a training's folder, in one piece."""
        with replacing(folder / _NOTE) as partial:
            partial.write_text(json.dumps(asdict(self)))


class ResumableWandbLogger(WandbLogger):
    """Logs each value of each step once, however often the training was killed and continued.

    A continued training repeats the steps since its last checkpoint, with the same values; what the earlier parts of
    the run were given is not sent again. Rows are counted on from the earlier parts, so that the parts, each in a file
    of its own, are one run for W&B: online at once, offline after ``wandb sync``. SIGKILL can lose rows of the last
    moment, never double them.

    Args:
        folder: That of the training; holds the note of what the run was given, and W&B's files in ``wandb/``.
        note: Of the run, new or continued.
        settings: Further arguments of Lightning's logger.
    """

    def __init__(self, folder: Path, note: RunNote, **settings: Any) -> None:
        flushing = wandb.Settings(x_transaction_log_flush_interval=_FLUSH_SECONDS)
        super().__init__(save_dir=str(folder), id=note.id, settings=flushing, **settings)
        self._folder, self._note = folder, note
        self._earlier = dict(note.last_steps)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Logs what the earlier parts of the run were not given of a step."""
        new = {name: value for name, value in metrics.items() if step is None or step > self._earlier.get(name, -1)}
        if not new.keys() - {"epoch"}:
            return
        row = max(self._note.next_row, self.experiment.step)
        self._note.next_row = row + 1
        if step is not None:
            self._note.last_steps |= dict.fromkeys(new, step)
            new[STEP] = step
        self._note.write(self._folder)
        self.experiment.log(new, step=row, commit=True)


def wandb_logger(
    project: str, save_dir: str, default_name: str, name: str | None = None, group: str | None = None
) -> ResumableWandbLogger:
    """W&B, online where an account is configured, offline otherwise; says which.

    Args:
        project: W&B project.
        save_dir: Folder of the training. If it is a cell of a sweep, the run is named as the cell and grouped by the
            sweep.
        default_name: Name of a run that is no cell.
        name: Name of the run in any case.
        group: Group of the run in any case.

    Raises:
        InputError: If W&B is disabled or cannot be reached, or a note of the run or of the sweep's cell is damaged.
    """
    mode = os.environ.get("WANDB_MODE", "online" if _has_account() else "offline")
    if mode == "disabled":
        raise InputError("logger=wandb would log nothing, as WANDB_MODE=disabled is set; unset it, or take logger=csv")
    folder = Path(save_dir)
    folder.mkdir(parents=True, exist_ok=True)
    cell_name, sweep = _cell(folder)
    offline = mode != "online"
    if wandb.run is not None:
        wandb.finish(exit_code=1)  # of a training before this one in the same process, which did not end well
    logger = ResumableWandbLogger(
        folder,
        _note(folder),
        project=project,
        name=name or cell_name or default_name,
        group=group or sweep,
        offline=offline,
    )
    try:
        _ = logger.experiment  # started now, so that a mistake shows before the training
    except CommError as error:
        raise InputError(
            f"W&B cannot be reached or refuses the run ({error}); "
            "with WANDB_MODE=offline in the environment the run is kept here, for wandb sync later"
        ) from error
    if offline:
        say(f"W&B: offline, into {folder}/wandb; upload with: wandb sync {folder}/wandb (log in with: wandb login)")
    else:
        say(f"W&B: online, project {project}")
    return logger


def _cell(folder: Path) -> tuple[str | None, str | None]:
    """Names of the cell and of the sweep, where the folder is a cell."""
    file = folder / "cell.json"
    if not file.is_file():
        return None, None
    try:
        return str(json.loads(file.read_text())["name"]), folder.resolve().parent.name
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is damaged ({error}); remove it, or start the sweep again") from error


def _note(folder: Path) -> RunNote:
    """The id of the run which a training continues; a new one where there is none or the training starts anew."""
    if (folder / _NOTE).is_file() and (folder / "checkpoints" / f"{LAST}.ckpt").is_file():
        return RunNote.read(folder)
    note = RunNote(uuid.uuid4().hex[:8])
    if is_first_rank():
        note.write(folder)
    return note


def _has_account() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].split("/")[0]
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
