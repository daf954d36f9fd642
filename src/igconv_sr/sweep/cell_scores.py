"""Scores of the cells, as they stand in their ``results.csv``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from igconv_sr.runs.files import read_yaml
from igconv_sr.runs.results import FILE_NAME, read_results

_CONFIG = "config.yaml"


def scored_on(folder: Path, benchmarks: Sequence[str]) -> bool:
    """Whether a cell's results are there and were made on these benchmarks."""
    if not (folder / FILE_NAME).is_file():
        return False
    saved = read_yaml(folder / _CONFIG)
    return list(saved.get("benchmarks", [])) == list(benchmarks)


def read_psnr(folder: Path) -> Mapping[tuple[str, str], float]:
    """PSNR on luma in dB by benchmark and scale; empty where there are no results yet.

    Raises:
        InputError: If they are damaged.
    """
    if not (folder / FILE_NAME).is_file():
        return {}
    return {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for _, row in read_results(folder)}


def summary(folder: Path) -> str:
    """The scores in a line."""
    psnr = read_psnr(folder)
    parts = [
        f"{benchmark} "
        + " ".join(f"×{scale} {value:.2f}" for (name, scale), value in psnr.items() if name == benchmark)
        for benchmark in dict.fromkeys(name for name, _ in psnr)
    ]
    return f"PSNR {', '.join(parts)} dB"
