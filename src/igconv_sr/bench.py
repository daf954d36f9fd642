"""``igconv-sr bench``: speed as ratios within one run, so that they hold on any machine."""

import csv
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import nn

from igconv_sr.checkpoint import replacing
from igconv_sr.config import CONFIG_FOLDER
from igconv_sr.console import say
from igconv_sr.launch import Launch
from igconv_sr.upsamplers import IGConv


@dataclass(frozen=True)
class Comparison:
    """Ours against a plain implementation.

    Attributes:
        name: What is compared.
        ours: One call of ours.
        reference: One call of the other.
        limit: The ratio ours/reference that we mean to keep.
    """

    name: str
    ours: Callable[[], object]
    reference: Callable[[], object]
    limit: float


@dataclass(frozen=True)
class Measurement:
    """Medians over the rounds, in milliseconds, and the median of the rounds' ratios."""

    name: str
    ours_ms: float
    reference_ms: float
    ratio: float
    limit: float


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="bench")
def main(config: DictConfig) -> None:
    """Runs all comparisons, prints them and writes ``bench.csv``."""
    with Launch.current.job():
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        measurements = [measure(comparison, config.rounds) for comparison in comparisons()]
        folder = Path(config.paths.output_dir)
        _write(measurements, folder)
        _print(measurements)
        say(f"Results in {folder}")


def comparisons() -> list[Comparison]:
    """Everything that is measured."""
    return [fgrep_in_training(), folded_against_pixel_shuffle()]


def fgrep_in_training() -> Comparison:
    """IGConv with and without FGRep: forward and backward at ×2, ×3 and ×4, C=64, 16 patches of 48×48."""
    features = torch.rand(16, 64, 48, 48, requires_grad=True)
    lr = torch.rand(16, 3, 48, 48)
    scales = (2, 3, 4)

    def step(upsampler: IGConv) -> None:
        loss = torch.stack([upsampler(features, scale, lr).mean() for scale in scales]).sum()
        torch.autograd.backward(loss)

    plain, averaged = (IGConv(64, scales, fgrep=fgrep) for fgrep in (False, True))
    return Comparison("FGRep in training / no FGRep", partial(step, averaged), partial(step, plain), 1.05)


def folded_against_pixel_shuffle() -> Comparison:
    """Folded IGConv and SPConv's two layers: C=64, 640×360, ×2."""
    features, lr = torch.rand(1, 64, 360, 640), torch.rand(1, 3, 360, 640)
    folded = IGConv(64, (2,)).fold([2])
    plain = nn.Sequential(nn.Conv2d(64, 12, 3, padding=1), nn.PixelShuffle(2))
    ours = torch.inference_mode()(partial(folded, features, 2, lr))
    reference = torch.inference_mode()(partial(plain, features))
    return Comparison("Folded IGConv / Conv2d + PixelShuffle", ours, reference, 1.02)


def measure(comparison: Comparison, rounds: int) -> Measurement:
    """Alternates both sides, each round in the other order, so that drifts of the machine hit both alike."""
    sides = (comparison.ours, comparison.reference)
    for side in sides:
        _seconds(side)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for index in ((0, 1), (1, 0))[number % 2]:
            times[index].append(min(_seconds(sides[index]) for _ in range(3)))
    ratios = [ours / reference for ours, reference in zip(*times, strict=True)]
    ours, reference = (1000 * statistics.median(values) for values in times)
    return Measurement(comparison.name, ours, reference, statistics.median(ratios), comparison.limit)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _write(measurements: list[Measurement], folder: Path) -> None:
    with replacing(folder / "bench.csv") as partial_file, partial_file.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(measurements[0])))
        writer.writeheader()
        writer.writerows(asdict(measurement) for measurement in measurements)


def _print(measurements: list[Measurement]) -> None:
    threads = torch.get_num_threads()
    table = Table(title=f"Medians on the CPU with {threads} threads, torch {torch.__version__}", title_justify="left")
    for column in ("comparison", "ours", "reference", "ratio", "limit"):
        table.add_column(column, justify="left" if column == "comparison" else "right")
    for m in measurements:
        table.add_row(m.name, f"{m.ours_ms:.2f} ms", f"{m.reference_ms:.2f} ms", f"{m.ratio:.3f}", f"≤ {m.limit}")
    Console().print(table)
