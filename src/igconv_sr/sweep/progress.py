"""How far a training is, as its own process notes it, and how that is shown."""

import sys
from pathlib import Path
from typing import NamedTuple, Self

from igconv_sr.runs.step_record import StepRecord


class Progress(NamedTuple):
    """How far a training is.

    Attributes:
        step: Optimiser steps done.
        max_steps: Steps of the whole training.
        rate: Steps per second since it was last started; None before two steps.
    """

    step: int
    max_steps: int
    rate: float | None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Reads it from a run's folder, or from that of its latest stage; None before the first step."""
        records = [record for run in (folder, *folder.glob("*/")) if (record := StepRecord.read(run))]
        if not records:
            return None
        record = max(records, key=lambda record: record.time)
        steps, seconds = record.step - record.first_step, record.time - record.first_time
        return cls(record.step, record.max_steps, steps / seconds if steps and seconds > 0 else None)

    @property
    def left(self) -> str:
        """Time to the last step, empty where it is not known; then comes the evaluation."""
        if self.step == self.max_steps:
            return "evaluating"
        return self.duration((self.max_steps - self.step) / self.rate) if self.rate else ""

    @property
    def speed(self) -> str:
        """The rate in words, empty where it is not known."""
        if not self.rate:
            return ""
        return f"{self.rate:.1f} steps/s" if self.rate >= 1 else f"{1 / self.rate:.1f} s/step"

    def __str__(self) -> str:
        left = self.left if self.left in ("", "evaluating") else f"{self.left} left"
        return ", ".join(filter(None, (f"step {self.step} of {self.max_steps}", self.speed, left)))

    @staticmethod
    def duration(seconds: float) -> str:
        """A time span in words.

        Example:
            >>> Progress.duration(3900)
            '1 h 05 min'
        """
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        if hours:
            return f"{hours} h {minutes:02} min"
        return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


class ProgressLine:
    """A line that is redrawn in place; where the output is no terminal, nothing is shown.

    Args:
        name: Stands in front.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.terminal = sys.stdout.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._draw("")

    def show(self, progress: Progress | None) -> None:
        """Redraws the line."""
        self._draw(f"{self.name}: {progress or 'preparing'}")

    def _draw(self, line: str) -> None:
        if self.terminal:
            sys.stdout.write(f"\r\x1b[K{line}")
            sys.stdout.flush()
