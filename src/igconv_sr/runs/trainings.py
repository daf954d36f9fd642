"""Folders of trainings: what they were asked for, and what they took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from igconv_sr.runs.files import read_json, read_yaml
from igconv_sr.runs.results import FILE_NAME
from igconv_sr.runs.same_training import cell_hash

EARLIER_STAGES = "earlier_stages"
"""Key under which the configuration of a training in stages says what the ones before the last were."""


@dataclass(frozen=True)
class Training:
    """The folder of a training.

    Attributes:
        folder: The folder.
        config: Its resolved configuration, of the last stage if there are several, with what the earlier ones were
            under ``earlier_stages``; empty where a cell of a sweep failed before it wrote one.
        cell: What the sweep says of it; empty outside a sweep.
        cost: What it took, all stages together; empty if that was not recorded.
        has_results: Whether it came to its end.
        stages: The parts of a training in stages that have begun, in order; empty of a training in one.
    """

    folder: Path
    config: Mapping[str, Any]
    cell: Mapping[str, Any]
    cost: Mapping[str, Any]
    has_results: bool
    stages: tuple["Training", ...] = ()

    @property
    def state(self) -> str:
        """``finished``, or what else the sweep says; outside a sweep, whether there are results."""
        return str(self.cell.get("state") or ("finished" if self.has_results else "no results yet"))

    @property
    def name(self) -> str:
        """The cell's name, or the folder's."""
        return str(self.cell.get("name") or self.folder.name)

    @property
    def hash(self) -> str:
        """The hash of the cell, or what it would be for such a cell."""
        return str(self.cell["hash"]) if "hash" in self.cell else cell_hash(self.config)

    @property
    def curves(self) -> list[Path]:
        """Lightning's tables, in the order in which they were written."""
        if self.stages:
            return self.stages[-1].curves
        return sorted(
            self.folder.glob("metrics/version_*/metrics.csv"), key=lambda path: int(path.parent.name.partition("_")[2])
        )


def read_training(folder: Path) -> Training | None:
    """Reads a folder with ``config.yaml`` or ``cell.json``; None if it is another command's.

    Raises:
        InputError: If a file is damaged.
    """
    config, cell, cost = (
        read(folder / file) if (folder / file).is_file() else {}
        for read, file in ((read_yaml, "config.yaml"), (read_json, "cell.json"), (read_json, "cost.json"))
    )
    if not cell and not {"model", "upsampler", "data"} <= config.keys():
        return None
    training = Training(folder, config, cell, cost, has_results=(folder / FILE_NAME).is_file())
    names = training.config.get("stages") or {}
    stages = [part for name in names if (folder / name).is_dir() and (part := read_training(folder / name))]
    return _in_stages(training, stages) if stages else training


def _in_stages(training: Training, stages: Sequence[Training]) -> Training:
    *earlier, last = stages
    config = {key: value for key, value in last.config.items() if key != "weights"}
    config[EARLIER_STAGES] = [
        stage_in_words(_data(stage), int(stage.config["trainer"]["max_steps"])) for stage in earlier
    ]
    costs = [stage.cost for stage in stages]
    known = all("train_seconds" in cost for cost in costs)
    cost = {**last.cost, "train_seconds": sum(cost["train_seconds"] for cost in costs)} if known else {}
    return replace(training, config=config, cost=cost, stages=tuple(stages))


def stage_in_words(train_data: str, steps: int) -> str:
    """What a stage was, such as ``800,000 steps of imagenet``."""
    return f"{steps:,} steps of {train_data}"


def _data(training: Training) -> str:
    return str(training.config["data"].get("name", "sample"))
