"""Scores of the cells, as they stand in their ``results.csv``, and the table of them that ends a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from igconv_sr.evaluation.printed_tables import print_table
from igconv_sr.inference.settings import marks_of
from igconv_sr.runs.files import read_yaml
from igconv_sr.runs.results import FILE_NAME, read_results
from igconv_sr.sweep.cell import Cell

_CONFIG = "config.yaml"


def scored_as(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a cell's results are there, of the benchmarks, scales and tiles that a configuration asks for."""
    return (folder / FILE_NAME).is_file() and _scoring(read_yaml(folder / _CONFIG)) == _scoring(config)


def _scoring(config: Mapping[str, Any]) -> tuple[list[Any], list[Any], int | None, int | None]:
    """What shapes the results of a trained model; older configurations lack some."""
    tile = config.get("tile")
    overlap = None if tile is None else config.get("tile_overlap")
    return list(config.get("benchmarks", [])), list(config.get("further_scales", [])), tile, overlap


def cell_psnr(folder: Path) -> Mapping[tuple[str, str], float]:
    """PSNR on luma in dB by benchmark, with what marks its protocol, and scale; empty where there are no results yet.

    Raises:
        InputError: If they are damaged.
    """
    if not (folder / FILE_NAME).is_file():
        return {}
    return {
        (row["benchmark"] + marks_of(row["protocol"]), row["scale"]): float(row["psnr_y"])
        for _, row in read_results(folder)
    }


def summary(folder: Path) -> str:
    """The scores in a line."""
    psnr = cell_psnr(folder)
    parts = [
        f"{benchmark} "
        + " ".join(f"×{scale} {value:.2f}" for (name, scale), value in psnr.items() if name == benchmark)
        for benchmark in dict.fromkeys(name for name, _ in psnr)
    ]
    return f"PSNR {', '.join(parts)} dB"


def print_results(root: Path, folders: Sequence[Path]) -> None:
    """Prints PSNR per scale of every cell, a table for each benchmark, then what is not finished and why.

    Args:
        root: Folder of the sweep.
        folders: Of its cells.
    """
    cells = {folder: Cell.read(folder) for folder in folders}
    psnr = {folder: cell_psnr(folder) for folder, cell in cells.items() if cell.state == "finished"}
    columns = dict.fromkeys(column for values in psnr.values() for column in values)
    for benchmark in dict.fromkeys(name for name, _ in columns):
        scales = sorted({scale for name, scale in columns if name == benchmark}, key=float)
        rows = [
            [
                cells[folder].name,
                *(f"{values[key]:.2f}" if (key := (benchmark, scale)) in values else "" for scale in scales),
            ]
            for folder, values in psnr.items()
        ]
        print_table(f"{benchmark}: PSNR (dB) on luma", ["cell", *(f"×{scale}" for scale in scales)], rows)
    for folder, cell in cells.items():
        if cell.state != "finished":
            why = f": {cell.reason}" if cell.reason else ""
            print(f"{cell.name} is {cell.state}{why}\n  {folder}")
    print(f"Per cell {root}/*/results.csv", flush=True)
