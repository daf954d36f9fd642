"""``igconv-sr sweep``: trains every cell of a grid in processes of its own, continued where it stopped."""

import contextlib
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from igconv_sr.commands.config import CONFIG_FOLDER, key_of, last_checkpoints, quoted
from igconv_sr.sweep.cell import LOCK, Cell, now
from igconv_sr.sweep.cell_scores import scored_as, summary
from igconv_sr.sweep.progress import Progress, ProgressLine
from igconv_sr.system.lock import alone
from igconv_sr.training.process import TrainingProcess

LOG = "train.log"
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_cell(config: DictConfig) -> bool:
    """Trains a cell, unless another process has done so meanwhile. A failure is noted in ``cell.json``.

    Returns:
        Whether it has ended. Where cells are run one by one, another process may be training it, and is not waited for.

    Raises:
        SystemExit: If a signal asked for the end; the training has then saved its state.
    """
    folder = Path(config.paths.output_dir)
    waiting = f"Another process is training {Cell.read(folder).name}; waiting until it ends"
    lock: list[int] = []
    with contextlib.ExitStack() as stack:
        try:
            waits = not is_one_by_one(HydraConfig.get().launcher)
            stack.enter_context(alone(folder / LOCK, waiting if waits else "", lock.append))
        except BlockingIOError:
            return False
        # As this sweep asks for it, also where another one was training the cell when this one began.
        asked = [option for option in HydraConfig.get().overrides.task if key_of(option) != "paths.output_dir"]
        cell = replace(Cell.read(folder), overrides=asked)
        if cell.state == "failed" or (cell.state == "finished" and scored_as(folder, config)):
            return True
        begin = time.monotonic()
        received = _train(cell, folder, *lock)
        cell = Cell.read(folder)
    what = summary(folder) if cell.state == "finished" else cell.reason
    print(f"{cell.name}: {cell.state} after {Progress.duration(time.monotonic() - begin)}: {what}", flush=True)
    if received:
        raise SystemExit(128 + received)
    return True


def is_one_by_one(launcher: DictConfig) -> bool:
    """Whether a launcher runs the cells it is given one after another, in the process of the sweep."""
    return str(launcher._target_).endswith(".BasicLauncher")


# Not as a decorator: a launcher finds the function by its name in processes elsewhere.
main = hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="train")(run_cell)


def _train(cell: Cell, folder: Path, lock: int) -> int:
    """Trains to the end, or until a signal that it returns."""
    is_begun = bool(last_checkpoints(folder))
    cell = cell.write(folder, state="running", reason="", started=cell.started or now(), ended="")
    print(f"{cell.name}: {'goes on' if is_begun else 'starts'}, log in {folder / LOG}", flush=True)
    output = f"paths.output_dir={quoted(str(folder))}"
    overrides = [*cell.overrides, output, *(["ckpt_path=last"] if is_begun else [])]
    with TrainingProcess(overrides, folder / LOG, lock) as training, ProgressLine(cell.name) as line:
        status = training.wait(lambda: line.show(Progress.read(folder)))
    cell.write(folder, ended=now(), **_outcome(training, status))
    return training.received


def _outcome(training: TrainingProcess, status: int) -> dict[str, Any]:
    """The cell's new state and, if it is not finished, the reason."""
    if status == 0:
        return {"state": "finished", "reason": ""}
    if training.received:
        return {"state": "interrupted", "reason": f"stopped by {signal.Signals(training.received).name}"}
    if -status in _FROM_OUTSIDE:
        hint = ", by hand or because memory ran out" if -status == signal.SIGKILL else ""
        return {"state": "interrupted", "reason": f"killed by {signal.Signals(-status).name}{hint}"}
    return {"state": "failed", "reason": training.last_words() or f"ended with status {status}"}
