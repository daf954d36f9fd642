"""``igconv-sr sweep status``: how far every cell of a sweep is."""

import csv
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from igconv_sr.commands.config import OUTPUTS
from igconv_sr.commands.flags import FlagParser
from igconv_sr.errors import InputError
from igconv_sr.runs.logged_names import VALID_MEAN
from igconv_sr.sweep.cell import FILE_NAME, Cell, State, read_cells
from igconv_sr.sweep.progress import Progress

_SECONDS = 2.0
_PLAIN_WIDTH = 140
_STYLES: dict[State, str] = {
    "finished": "green",
    "running": "cyan",
    "failed": "red",
    "interrupted": "yellow",
    "waiting": "dim",
}


def main(arguments: Sequence[str]) -> None:
    """Shows a table of the cells; in a terminal it is renewed until nothing is left to run.

    Args:
        arguments: Flags.

    Raises:
        InputError: If there is no such sweep.
    """
    parser = FlagParser("sweep status", "Show how far every cell of a sweep is; Ctrl-C ends the view, not the sweep.")
    parser.add_argument("sweep", nargs="?", help="name of the experiment, or the sweep's folder; default: the newest")
    root = _find(parser.parse_args(arguments).sweep)
    console = Console()
    if not console.is_terminal:
        Console(width=_PLAIN_WIDTH).print(_view(root))
        return
    try:
        with Live(_view(root), console=console, auto_refresh=False) as live:
            while _is_active(root):
                time.sleep(_SECONDS)
                live.update(_view(root), refresh=True)
    except KeyboardInterrupt:
        pass


def _find(given: str | None) -> Path:
    """The folder of the sweep that is asked for."""
    sweeps = {path.parents[1] for path in (OUTPUTS / "sweep").glob(f"*/*/{FILE_NAME}")}
    if given is None:
        if not sweeps:
            raise InputError(f"there is no sweep in {OUTPUTS}/sweep; give the folder of one")
        # Folders list their entries in no order; of two that are equally new, the later name is taken.
        return max(
            sweeps, key=lambda sweep: (max(path.stat().st_mtime for path in sweep.glob(f"*/{FILE_NAME}")), sweep)
        )
    for root in (OUTPUTS / "sweep" / given, Path(given)):
        if any(root.glob(f"*/{FILE_NAME}")):
            return root
    listed = f"; there are {', '.join(sorted(sweep.name for sweep in sweeps))}" if sweeps else ""
    raise InputError(f"{given} is neither a sweep in {OUTPUTS}/sweep nor the folder of one{listed}")


def _is_active(root: Path) -> bool:
    return any(cell.state in ("running", "waiting") for cell in read_cells(root).values())


def _view(root: Path) -> Group:
    cells = read_cells(root)
    table = Table(box=None, pad_edge=False)
    for heading in ("cell", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("step", "speed", "left", "best PSNR"):
        table.add_column(heading, justify="right", no_wrap=True)
    for folder, cell in cells.items():
        table.add_row(*_row(folder, cell))
    counts = Counter(cell.state for cell in cells.values())
    listed = ", ".join(f"{counts[state]} {state}" for state in _STYLES if counts[state])
    reasons = [
        Text(f"{cell.name} {cell.state}: {cell.reason}\n  {folder}")
        for folder, cell in cells.items()
        if cell.state in ("failed", "interrupted")
    ]
    return Group(Text(f"{root}: {len(cells)} cells, {listed}"), table, *reasons)


def _row(folder: Path, cell: Cell) -> tuple[Text, ...]:
    progress = Progress.read(folder)
    running = cell.state == "running" and progress is not None
    best = _best_psnr(folder)
    return (
        Text(cell.name),
        Text(cell.state, style=_STYLES[cell.state]),
        Text(f"{progress.step}/{progress.max_steps}" if progress else ""),
        Text(progress.speed if running and progress else ""),
        Text(progress.left if running and progress else ""),
        Text("" if best is None else f"{best:.2f}"),
    )


def _best_psnr(folder: Path) -> float | None:
    """The highest mean over scales of any validation so far, in dB, of whichever task and protocol."""
    values = []
    for path in (*folder.glob("metrics/version_*/metrics.csv"), *folder.glob("*/metrics/version_*/metrics.csv")):
        with path.open(newline="") as file:
            rows = [row.items() for row in csv.DictReader(file)]
        values += [float(value) for row in rows for name, value in row if value and name.startswith(VALID_MEAN)]
    return max(values, default=None)
