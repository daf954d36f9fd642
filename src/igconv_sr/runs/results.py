"""``results.csv`` and ``results_per_image.csv``: every training and evaluation writes them, and they are read here."""

import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from igconv_sr.data import Benchmark
from igconv_sr.errors import InputError
from igconv_sr.metrics import ImageScore, Score, mean_scores
from igconv_sr.runs.files import Line, read_csv, write_csv
from igconv_sr.weights.card import AVERAGE, ModelCard

FILE_NAME = "results.csv"
PER_IMAGE = "results_per_image.csv"

MEASURES = ("psnr_y", "ssim_y", "psnr_rgb")
MORE_MEASURES = ("ssim_rgb", "lpips", "dists")
"""Columns of results.csv behind all others, each only where it was measured."""


@dataclass(frozen=True)
class Source:
    """What produced the scores: the columns of the model.

    Attributes:
        model: Name of the encoder, or ``bicubic``.
        upsampler: Name of the upsampler, empty for bicubic.
        fgrep: Whether kernels are averaged over the dihedral group; empty for bicubic.
        params: Stored parameters, before folding.
        train_data: Name of the training data.
        steps: Optimiser steps.
        seed: Seed of the training; empty for bicubic.
        protocol: How images were to be compared, and SR to be computed; where memory ran out, rows say what was done.
        checkpoint: File of the weights.
        commit: Version of this package, with ``-dirty`` where the working tree differs.
        weights_of: ``average``, or ``raw`` where these were asked for; empty where a file holds nothing else.
    """

    model: str
    upsampler: str
    fgrep: bool | str
    params: int
    train_data: str
    steps: int
    seed: int | str
    protocol: str
    checkpoint: str
    commit: str
    weights_of: str

    @property
    def title(self) -> str:
        """Name of the model for headers."""
        return f"{self.model} + {self.upsampler}" if self.upsampler else self.model


_MODEL = ("model", "upsampler", "fgrep", "params", "train_data", "steps", "seed")
_ORIGIN = ("protocol", "checkpoint", "commit")
WEIGHTS_OF = "weights_of"
"""Column of both tables behind all others, where the weights are an average or were asked for by this name."""

COLUMNS = (*_MODEL, "benchmark", "scale", "images", *MEASURES, *_ORIGIN)
FILE_COLUMNS = ("hr_file", "lr_file")
"""Columns that say where an image was read: enough to compute it again."""

IMAGE_START = ("benchmark", "image", "scale", *MEASURES, "ssim_rgb")
IMAGE_END = ("protocol", *_MODEL, "checkpoint", "commit", *FILE_COLUMNS)
"""Columns before and behind the perceptual measures."""

IMAGE_COLUMNS = tuple(name for name in (*IMAGE_START, *IMAGE_END) if name not in MORE_MEASURES)

assert {field.name for field in fields(Source)} == {*_MODEL, *_ORIGIN, WEIGHTS_OF}


def source(
    card: ModelCard | None, params: int, protocol: str, checkpoint: str, weights_of: str | None = None
) -> Source:
    """Describes a model; without a card it is bicubic.

    Args:
        card: Of the model.
        params: Its parameters.
        protocol: By which it was scored.
        checkpoint: The file.
        weights_of: Which of its weights were asked for, if that was said.
    """
    is_average = card is not None and card.weights_of == AVERAGE
    return Source(
        model=card.model if card else "bicubic",
        upsampler=card.upsampler_name if card else "",
        fgrep=card.fgrep if card else "",
        params=params,
        train_data=card.train_data if card else "",
        steps=card.steps if card else 0,
        seed=card.seed if card else "",
        protocol=protocol,
        checkpoint=checkpoint,
        commit=current_commit(),
        weights_of=weights_of or (AVERAGE if is_average else ""),
    )


def write_results(images: Sequence[ImageScore], made_by: Source, benchmarks: Sequence[Benchmark], folder: Path) -> None:
    """Writes both tables into a folder; values in full, so that the means are those of the rows to the last digit.

    Args:
        images: Scores of the images.
        made_by: What produced them.
        benchmarks: Where the images come from.
        folder: Made if it does not exist.
    """
    scales = {image.scale for image in images}
    files = {
        (benchmark.name, name, scale): (str(path.resolve()), _absolute(benchmark.lr_file(path, scale)))
        for benchmark in benchmarks
        for scale in scales
        for name, path in benchmark.images_at(scale)
    }
    last = [WEIGHTS_OF] if made_by.weights_of else []
    model = {name: value for name, value in asdict(made_by).items() if name != WEIGHTS_OF or last}
    rows = [
        {**model, **_measured(image), "image": image.image}
        | dict(zip(FILE_COLUMNS, files[image.benchmark, image.image, image.scale], strict=True))
        for image in sorted(images, key=lambda image: (image.benchmark, image.scale, image.image))
    ]
    measured = {name for image in images for name in image.values}
    more = [name for name in MORE_MEASURES if name in measured]
    perceptual = [name for name in more if name not in IMAGE_START]
    columns = (*IMAGE_START, *perceptual, *IMAGE_END, *last)
    write_csv(folder / PER_IMAGE, columns, ([row.get(name) for name in columns] for row in rows))
    means = [{**model, **_measured(score), "images": score.images} for score in mean_scores(images)]
    columns = (*COLUMNS, *more, *last)
    write_csv(folder / FILE_NAME, columns, ([row.get(name) for name in columns] for row in means))


def read_results(path: Path, needed: Sequence[str] = COLUMNS) -> list[Line]:
    """Reads the means of a run.

    Args:
        path: The folder of the run, or the file itself.
        needed: Columns that it must have.

    Raises:
        InputError: If there is no such table, or it is damaged.
    """
    return _read(path, FILE_NAME, needed)


def read_results_per_image(path: Path, needed: Sequence[str] = IMAGE_COLUMNS) -> list[Line]:
    """Reads the images of a run, as :func:`read_results` does the means."""
    return _read(path, PER_IMAGE, needed)


def _read(path: Path, name: str, needed: Sequence[str]) -> list[Line]:
    path = path / name if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the folder of a run of igconv-sr train or evaluate")
    numbers = [column for column in ("scale", "images", "params", "steps") if column in needed]
    return read_csv(path, needed, numbers, (*MEASURES, *MORE_MEASURES))


def _absolute(path: Path | None) -> str:
    return "" if path is None else str(path.resolve())


def _measured(score: ImageScore | Score) -> dict[str, object]:
    return {"benchmark": score.benchmark, "scale": score.scale, "protocol": score.protocol, **score.values}


@cache
def current_commit() -> str:
    """Commit of the checkout this package lies in, or ``unknown`` where it is installed otherwise."""
    here = Path(__file__).parents[1]
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--match="]
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)  # noqa: S603 (fixed)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
