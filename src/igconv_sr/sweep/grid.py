"""A sweep: makes the cells of a grid, has Hydra's launcher run those that are not finished, shows the results."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from igconv_sr.commands.config import quoted
from igconv_sr.commands.launch import Launch
from igconv_sr.errors import InputError
from igconv_sr.runs.same_training import cell_hash, flat, irrelevant
from igconv_sr.sweep.cell import FILE_NAME, LOCK, Cell, cell_name
from igconv_sr.sweep.cell_scores import print_results, scored_as
from igconv_sr.sweep.sweep import is_one_by_one
from igconv_sr.system.lock import alone, is_locked

Grid = tuple[Sequence[Sequence[str]], frozenset[str]]
"""Overrides of each cell, and the keys that have several values."""


def sweep(config: DictConfig, context: HydraContext, launcher: Launcher, grid: Grid, retry_failed: bool) -> None:
    """Runs the cells that are to be run; then shows what all of them are worth.

    Args:
        config: Of the sweep.
        context: Hydra's.
        launcher: Runs a list of cells, each given by its overrides.
        grid: The cells.
        retry_failed: Whether cells that failed before are run again.

    Raises:
        InputError: If two cells are the same, or a cell is not finished in the end.
    """
    root = Path(config.hydra.sweep.dir)
    cells = {root / cell.hash: (cell, asked) for cell, asked in _cells(config, context, grid)}
    if len(cells) < len(grid[0]):
        raise InputError(
            f"the grid gives {len(cells)} different trainings for {len(grid[0])} cells; "
            + _why_alike(grid[1], next(iter(cells.values()))[1])
        )
    to_run = [folder for folder, (cell, asked) in cells.items() if _is_to_run(folder, cell, asked, retry_failed)]
    _announce(root, list(cells), to_run)
    if to_run:
        try:
            _launch_all(launcher, config, {folder: cells[folder][0] for folder in to_run})
        finally:
            print_results(root, list(cells))
    else:
        print_results(root, list(cells))
    _raise_unfinished(list(cells))


def _why_alike(swept: frozenset[str], config: Mapping[str, Any]) -> str:
    for key in sorted(swept):
        if rule := irrelevant(key, config):
            one = f"a list, {key}=[…]" if isinstance(dict(flat(config)).get(key), list) else "one value"
            return f"values of {key} make no other training ({rule.reason}); give {one}"
    return "give no value twice"


def _launch_all(launcher: Launcher, config: DictConfig, cells: Mapping[Path, Cell]) -> None:
    """Runs cells. Of several sweeps that share them, each takes what no other trains, while there is such a cell."""
    if not is_one_by_one(config.hydra.launcher):
        _launch(launcher, cells)
        return
    left = dict(cells)
    while left:
        for folder, cell in list(left.items()):
            if _launch(launcher, {folder: cell}):
                del left[folder]
        if left and all(is_locked(folder / LOCK) for folder in left):
            names = ", ".join(cell.name for cell in left.values())
            with alone(next(iter(left)) / LOCK, f"Other processes are training {names}; waiting until they end"):
                pass


def _launch(launcher: Launcher, cells: Mapping[Path, Cell]) -> bool:
    """Whether all of the cells have ended."""
    overrides = [[*cell.overrides, f"paths.output_dir={quoted(str(folder))}"] for folder, cell in cells.items()]
    with Launch.current.job():  # the trainings are started as the user started this
        jobs = launcher.launch(overrides, initial_job_idx=0)
    ended = [job.return_value for job in jobs]  # raises what went wrong in a job itself
    return all(ended)


def _cells(config: DictConfig, context: HydraContext, grid: Grid) -> list[tuple[Cell, Mapping[str, Any]]]:
    """Each cell with its configuration; a mistake in the configuration of any ends the sweep before it starts."""
    setup_globals()
    cells: list[tuple[Cell, Mapping[str, Any]]] = []
    for overrides in grid[0]:
        composed = context.config_loader.load_sweep_config(config, list(overrides))
        HydraConfig.instance().set_config(composed)
        variant = composed.hydra.runtime.choices.get("variant")
        plain = _resolved(composed)
        values = dict(override.split("=", 1) for override in overrides)
        swept = {key: values[key] for key in values if key in grid[1]}
        own = [override for override in overrides if not override.startswith(("hydra.", "hydra/"))]
        cells.append((Cell(cell_name(plain, variant, swept), cell_hash(plain), own), plain))
    return cells


def _resolved(config: DictConfig) -> dict[str, Any]:
    without_hydra = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain = OmegaConf.to_container(without_hydra, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _is_to_run(folder: Path, cell: Cell, asked: Mapping[str, Any], retry_failed: bool) -> bool:
    """Whether a cell is to be run; writes what is new about it."""
    if not (folder / FILE_NAME).is_file():
        cell.write(folder)
        return True
    known = Cell.read(folder)
    if known.state == "failed":
        if retry_failed:
            known.write(folder, name=cell.name, overrides=cell.overrides, state="waiting", reason="")
        return retry_failed
    if known.state == "running":
        return True  # waits for the process that trains it
    if (known.name, list(known.overrides)) != (cell.name, list(cell.overrides)):
        known.write(folder, name=cell.name, overrides=cell.overrides)
    return known.state != "finished" or not scored_as(folder, asked)


def _announce(root: Path, folders: Sequence[Path], to_run: Sequence[Path]) -> None:
    states = Counter(Cell.read(folder).state for folder in folders)
    listed = ", ".join(f"{count} {state}" for state, count in states.items())
    print(f"Sweep of {len(folders)} cells in {root}: {listed}; {len(to_run)} to run", flush=True)
    if to_run:
        print(f"Watch it from another terminal with: igconv-sr sweep status {shlex.quote(str(root))}", flush=True)


def _raise_unfinished(folders: Sequence[Path]) -> None:
    states = Counter(Cell.read(folder).state for folder in folders)
    failed, unfinished = states["failed"], len(folders) - states["finished"]
    if failed:
        raise InputError(
            f"{failed} of {len(folders)} cells failed, for the reasons above; the same command with "
            "retry_failed=true starts them again"
        )
    if unfinished:
        raise InputError(f"{unfinished} of {len(folders)} cells are not finished; the same command goes on with them")
