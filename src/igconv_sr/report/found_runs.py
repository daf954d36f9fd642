"""Finds runs below folders and reads what they have written."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from igconv_sr.compare.differences import ImageKey
from igconv_sr.data.batches.named_degradation import kind_of
from igconv_sr.errors import InputError
from igconv_sr.runs.files import Line, Row, read_csv
from igconv_sr.runs.results import FILE_NAME, PER_IMAGE, WEIGHTS_OF, read_results, read_results_per_image
from igconv_sr.runs.trainings import Training, read_training

EFFICIENCY = "efficiency.csv"
_EFFICIENCY_COLUMNS = (
    *("model", "upsampler", "scale", "params", "latency_ms", "peak_memory_mib"),
    *("device", "threads", "height", "width", "commit"),
)
_NEVER_RUNS = ("checkpoints", "metrics", "wandb", "tensorboard", "figures")
_SOURCE = (
    *("model", "upsampler", "fgrep", "params", "train_data", "steps", "seed", "protocol", "checkpoint", "commit"),
    WEIGHTS_OF,
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d)-(\d\d)-(\d\d)")

BenchmarkAtScale = tuple[str, float]
"""Benchmark and scale."""


@dataclass(frozen=True)
class Measured:
    """What one evaluation of one model by one protocol gave.

    Attributes:
        folder: Where it stands.
        source: The columns that say what was evaluated.
        training: Where the model comes from; None if that is not known, or bicubic.
        means: By benchmark and scale.
        images: By image; empty where only means were kept.
    """

    folder: Path
    source: Row
    training: Training | None
    means: dict[BenchmarkAtScale, Row] = field(default_factory=dict)
    images: dict[ImageKey, Row] = field(default_factory=dict)

    @property
    def date(self) -> str:
        """When it was made, as the sweep or the folder's name says."""
        if self.training and self.training.folder.resolve() == self.folder.resolve() and self.training.cell:
            return str(self.training.cell.get("ended") or self.training.cell.get("started") or "")
        found = _TIME.search(str(self.folder))
        return f"{found[1]} {found[2]}:{found[3]}:{found[4]}" if found else ""


@dataclass
class Runs:
    """All that was found.

    Attributes:
        measured: What was evaluated.
        trainings: Folders of trainings, finished or not.
        efficiency: Rows of ``efficiency.csv``.
        skipped: What was left out, and why.
    """

    measured: list[Measured] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    efficiency: list[Row] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @cached_property
    def unfinished(self) -> list[Training]:
        """Trainings without results."""
        return [training for training in self.trainings if not training.has_results or training.state != "finished"]


def read_runs(folders: Sequence[Path]) -> Runs:
    """Reads every run in or below the folders, each once, in the order of their paths.

    Raises:
        InputError: If a folder does not exist or a file is damaged.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"runs: {folder} is no folder; give folders of runs, or folders above them")
    runs, trainings = Runs(), dict[Path, Training]()
    places = list(_walk(folders))
    for folder, files in places:
        if {"config.yaml", "cell.json"} & files and (training := read_training(folder)):
            trainings[folder.resolve()] = training
    # Stages are parts of a training; what the last one leaves stands in the folder of the whole too.
    parts = {part.folder.resolve() for training in trainings.values() for part in training.stages}
    trainings = {folder: training for folder, training in trainings.items() if folder not in parts}
    for folder, files in places:
        if folder.resolve() in parts:
            continue
        if FILE_NAME in files:
            runs.measured += _read_results(folder, trainings, runs.skipped)
        if EFFICIENCY in files:
            runs.efficiency += [line.row for line in _read_efficiency(folder / EFFICIENCY)]
    runs.measured = list(_told_apart(runs.measured))
    runs.trainings = sorted(trainings.values(), key=lambda training: str(training.folder))
    return runs


def _walk(folders: Sequence[Path]) -> Iterator[tuple[Path, set[str]]]:
    """Folders with the names of their files, each once, also where links lead to it or in a circle."""
    seen: set[Path] = set()
    for top in folders:
        for folder, below, files in os.walk(top, followlinks=True):
            if (here := Path(folder).resolve()) in seen:
                below.clear()
                continue
            seen.add(here)
            below[:] = sorted(name for name in below if name not in _NEVER_RUNS and not name.startswith("."))
            yield Path(folder), set(files)


def _read_results(folder: Path, trainings: dict[Path, Training], skipped: list[str]) -> list[Measured]:
    found: dict[tuple[str, ...], Measured] = {}
    for _, row in read_results(folder):
        key = _source_of(row)
        if key not in found:
            source = dict(zip(_SOURCE, key, strict=True))
            found[key] = Measured(folder, source, _training_of(folder, source, trainings))
        found[key].means[row["benchmark"], float(row["scale"])] = row
    per_image = folder / PER_IMAGE
    if per_image.is_file():
        for _, row in read_results_per_image(per_image):
            if (measured := found.get(_source_of(row))) is None:
                skipped.append(f"{per_image} holds rows of {row['model']} that {FILE_NAME} beside it does not.")
            else:
                measured.images[row["benchmark"], float(row["scale"]), row["image"]] = row
    else:
        skipped.append(f"{folder} holds no {PER_IMAGE}: its means stand in the tables, but not among the differences.")
    return list(found.values())


def _source_of(row: Row) -> tuple[str, ...]:
    """What was evaluated; tables from before it was noted do not say which weights."""
    return tuple(row.get(name, "") for name in _SOURCE)


def _told_apart(measured: Sequence[Measured]) -> Iterator[Measured]:
    """Benchmarks of the same name that hold other images get a number, so that no table or mean mixes them.

    A folder that has grown between two trainings has other validation images. Where there are means alone, or rows of
    some of the images, nothing is known.
    """
    versions: dict[str, list[dict[float, set[str]]]] = {}
    for each in measured:
        images: dict[str, dict[float, set[str]]] = {}
        for benchmark, scale, image in each.images:
            images.setdefault(benchmark, {}).setdefault(scale, set()).add(image)
        names = {
            name: _numbered(name, versions.setdefault(name, []), own)
            for name, own in images.items()
            if all(str(len(some)) == each.means.get((name, scale), {}).get("images") for scale, some in own.items())
        }
        yield replace(
            each,
            means={(names.get(name, name), scale): row for (name, scale), row in each.means.items()},
            images={(names.get(name, name), scale, image): row for (name, scale, image), row in each.images.items()},
        )


def _numbered(name: str, versions: list[dict[float, set[str]]], own: dict[float, set[str]]) -> str:
    fitting = (
        number
        for number, known in enumerate(versions)
        if all(known.get(scale, images) == images for scale, images in own.items())
    )
    number = next(fitting, len(versions))
    if number == len(versions):
        versions.append({})
    versions[number] |= own
    kind = kind_of(name)
    return f"{name.removesuffix(kind)} #{number + 1}{kind}" if number else name


def _training_of(folder: Path, source: Row, trainings: dict[Path, Training]) -> Training | None:
    """The run that the weights lie in; also where that is not below the folders given."""
    if not source["checkpoint"]:
        return None
    weights = Path(source["checkpoint"])
    for place in (folder, weights.parent, weights.parent.parent):
        here = place.resolve()
        if here not in trainings and (place / "config.yaml").is_file() and (training := read_training(place)):
            trainings[here] = training
        training = trainings.get(here)
        if training and training.config and str(training.config.get("seed")) == source["seed"]:
            return training
    return None


def _read_efficiency(path: Path) -> list[Line]:
    numbers = ("scale", "params", "height", "width")
    return read_csv(path, _EFFICIENCY_COLUMNS, numbers, ("latency_ms", "peak_memory_mib", "threads", "folded_params"))
