"""Scores of the cells, as they stand in their ``results.csv``."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

_RESULTS = "results.csv"
_CONFIG = "config.yaml"


def scored_on(folder: Path, benchmarks: Sequence[str]) -> bool:
    """Whether a cell's results are there and were made on these benchmarks."""
    if not (folder / _RESULTS).is_file():
        return False
    saved = yaml.safe_load((folder / _CONFIG).read_text())
    return list(saved.get("benchmarks", [])) == list(benchmarks)


def read_psnr(folder: Path) -> Mapping[tuple[str, str], float]:
    """PSNR on luma in dB by benchmark and scale; empty where there are no results yet."""
    path = folder / _RESULTS
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        return {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for row in csv.DictReader(file)}


def summary(folder: Path) -> str:
    """The scores in a line."""
    psnr = read_psnr(folder)
    parts = [
        f"{benchmark} "
        + " ".join(f"×{scale} {value:.2f}" for (name, scale), value in psnr.items() if name == benchmark)
        for benchmark in dict.fromkeys(name for name, _ in psnr)
    ]
    return f"PSNR {', '.join(parts)} dB"
