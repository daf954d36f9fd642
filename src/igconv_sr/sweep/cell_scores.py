"""Scores of the cells, as they stand in their ``results.csv``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from igconv_sr.runs.files import read_yaml
from igconv_sr.runs.results import FILE_NAME, read_results

_CONFIG = "config.yaml"
_SCORED = ("benchmarks", "further_scales")


def scored_as(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a cell's results are there, of the benchmarks and scales that a configuration asks for."""
    if not (folder / FILE_NAME).is_file():
        return False
    saved = read_yaml(folder / _CONFIG)
    return all(list(saved.get(key, [])) == list(config[key]) for key in _SCORED)


def cell_psnr(folder: Path) -> Mapping[tuple[str, str], float]:
    """PSNR on luma in dB by benchmark and scale; empty where there are no results yet.

    Raises:
        InputError: If they are damaged.
    """
    if not (folder / FILE_NAME).is_file():
        return {}
    return {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for _, row in read_results(folder)}


def summary(folder: Path) -> str:
    """The scores in a line."""
    psnr = cell_psnr(folder)
    parts = [
        f"{benchmark} "
        + " ".join(f"×{scale} {value:.2f}" for (name, scale), value in psnr.items() if name == benchmark)
        for benchmark in dict.fromkeys(name for name, _ in psnr)
    ]
    return f"PSNR {', '.join(parts)} dB"
