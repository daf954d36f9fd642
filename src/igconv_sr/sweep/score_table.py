"""The table that ends a sweep."""

from collections.abc import Sequence
from pathlib import Path

from igconv_sr.evaluation.printed_tables import print_table
from igconv_sr.sweep.cell import Cell
from igconv_sr.sweep.cell_scores import cell_psnr


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
