"""The step a training is at, in a small file that other processes read."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from igconv_sr.system.files import replacing

FILE_NAME = "progress.json"


@dataclass(frozen=True)
class StepRecord:
    """How far a training is.

    Attributes:
        step: Optimiser steps done.
        max_steps: Optimiser steps of the whole training.
        time: When, in seconds since 1970.
        first_step: Steps that had been done when this process started.
        first_time: When it started to train.
    """

    step: int
    max_steps: int
    time: float
    first_step: int
    first_time: float

    def write(self, folder: Path) -> None:
        """Writes it into a run's folder, by renaming."""
        with replacing(folder / FILE_NAME) as partial:
            partial.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Reads it from a run's folder; None where there is none."""
        try:
            return cls(**json.loads((folder / FILE_NAME).read_text()))
        except FileNotFoundError:
            return None
