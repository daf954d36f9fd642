"""Loggers that need more than a line of configuration."""

import json
import netrc
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from wandb.errors import CommError

from igconv_sr.errors import InputError
from igconv_sr.runs.logged_names import STEP
from igconv_sr.system.console import say
from igconv_sr.system.files import replacing
from igconv_sr.training.callbacks import LAST
from igconv_sr.training.wandb_log import history, run_files

_ID_FILE = "wandb_run_id"
_ROW = "_step"
"""W&B's own count of rows."""


class ResumableWandbLogger(WandbLogger):
    """Logs each value of each step once, however often the training was killed and continued.

    A continued training repeats the steps since its last checkpoint, with the same values; what the earlier parts of
    the run hold is not sent again. Rows are counted on from the earlier parts, so that the parts, each in a file of its
    own, are one run for W&B: online at once, offline after ``wandb sync``. After SIGKILL offline the last rows can be
    missing from it, since wandb (0.31) writes its file in blocks of 32 KiB.

    Args:
        folder: That of the training; W&B's files lie in ``wandb/`` in it.
        run_id: W&B's name of the run, the same for all its parts.
        settings: Further arguments of Lightning's logger.
    """

    def __init__(self, folder: Path, run_id: str, **settings: Any) -> None:
        super().__init__(save_dir=str(folder), id=run_id, **settings)
        earlier = [row for file in run_files(folder, run_id) for row in history(file)]
        self._logged = {(name, int(row[STEP])) for row in earlier if STEP in row for name in row}
        self._next_row = max((int(row[_ROW]) + 1 for row in earlier if _ROW in row), default=0)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Logs what is not yet logged of a step."""
        new = {name: value for name, value in metrics.items() if (name, step) not in self._logged}
        if not new.keys() - {"epoch"}:
            return
        self._next_row = max(self._next_row, self.experiment.step)
        self.experiment.log(new if step is None else {**new, STEP: step}, step=self._next_row, commit=True)
        self._next_row += 1


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
        InputError: If W&B cannot be reached, or the sweep's note of the cell is damaged.
    """
    folder = Path(save_dir)
    folder.mkdir(parents=True, exist_ok=True)
    cell_name, sweep = _cell(folder)
    offline = os.environ.get("WANDB_MODE", "online" if _has_account() else "offline") != "online"
    if wandb.run is not None:
        wandb.finish(exit_code=1)  # of a training before this one in the same process, which did not end well
    logger = ResumableWandbLogger(
        folder,
        _run_id(folder),
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


def _run_id(folder: Path) -> str:
    """W&B's name of the run that a training continues, or a new one where it starts anew."""
    file = folder / _ID_FILE
    if file.is_file() and (folder / "checkpoints" / f"{LAST}.ckpt").is_file():
        return file.read_text().strip()
    run_id = uuid.uuid4().hex[:8]
    if getattr(rank_zero_only, "rank", 0) == 0:
        with replacing(file) as partial:
            partial.write_text(run_id)
    return run_id


def _has_account() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].split("/")[0]
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
