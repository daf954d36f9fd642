"""The one table that every training and evaluation writes: ``results.csv``."""

import csv
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from igconv_sr.card import ModelCard
from igconv_sr.checkpoint import replacing
from igconv_sr.metrics import Protocol, Score

FILE_NAME = "results.csv"


@dataclass(frozen=True)
class Result:
    """One row: a model on one benchmark at one scale.

    Attributes:
        model: Name of the encoder, or ``bicubic``.
        upsampler: Name of the upsampler, empty for bicubic.
        fgrep: Whether kernels are averaged over the dihedral group.
        params: Stored parameters, before folding.
        train_data: Name of the training data.
        steps: Optimiser steps.
        seed: Seed of the training.
        benchmark: Name of the benchmark.
        scale: r.
        images: Images averaged over.
        psnr_y: In dB, mean of the per-image values.
        ssim_y: Likewise.
        psnr_rgb: In dB, likewise.
        protocol: How images were compared.
        checkpoint: File of the weights.
        commit: Version of this package, with ``-dirty`` where the working tree differs.
    """

    model: str
    upsampler: str
    fgrep: bool | str
    params: int
    train_data: str
    steps: int
    seed: int | str
    benchmark: str
    scale: int
    images: int
    psnr_y: float
    ssim_y: float
    psnr_rgb: float
    protocol: str
    checkpoint: str
    commit: str


def to_results(
    scores: Sequence[Score], card: ModelCard | None, params: int, protocol: Protocol, checkpoint: str
) -> list[Result]:
    """Joins scores with what produced them; without a card the model is bicubic."""
    return [
        Result(
            model=card.model if card else "bicubic",
            upsampler=card.upsampler_name if card else "",
            fgrep=card.fgrep if card else "",
            params=params,
            train_data=card.train_data if card else "",
            steps=card.steps if card else 0,
            seed=card.seed if card else "",
            benchmark=score.benchmark,
            scale=score.scale,
            images=score.images,
            psnr_y=round(score.psnr_y, 4),
            ssim_y=round(score.ssim_y, 6),
            psnr_rgb=round(score.psnr_rgb, 4),
            protocol=protocol.name,
            checkpoint=checkpoint,
            commit=current_commit(),
        )
        for score in scores
    ]


def write_results(rows: Sequence[Result], folder: Path) -> Path:
    """Writes ``results.csv`` into a folder, to a temporary name first."""
    path = folder / FILE_NAME
    with replacing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    return path


@cache
def current_commit() -> str:
    """Commit of the checkout this package lies in, or ``unknown`` where it is installed otherwise."""
    here = Path(__file__).parent
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--match="]
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)  # noqa: S603 (fixed)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
