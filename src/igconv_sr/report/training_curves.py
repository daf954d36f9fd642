"""Training curves from Lightning's tables."""

import re
from collections.abc import Sequence
from pathlib import Path

from igconv_sr.errors import InputError
from igconv_sr.report.figures import Curve
from igconv_sr.runs.files import Line, read_csv
from igconv_sr.runs.trainings import Training

LOSS = "train/loss"
_VALID = re.compile(r"valid/psnr_y_x(\d+)([ +].*)?")
"""What stands behind the scale is another task or protocol, whose curve is drawn apart."""


def read_curves(training: Training, label: str, skipped: list[str]) -> dict[str, Curve]:
    """The loss and the validation PSNR per scale of a run, over all its parts.

    Args:
        training: The run.
        label: Of its curves.
        skipped: Gets what could not be read of a run that still goes on.

    Raises:
        InputError: If a table of a finished run is damaged.
    """
    points: dict[str, dict[float, float]] = {}
    for path in training.curves:
        for _, row in _read(path, training, skipped):
            for column, value in row.items():
                if value and (column == LOSS or _VALID.fullmatch(column)):
                    # A resumed part repeats steps after its checkpoint: what came later counts. Steps count from 0.
                    points.setdefault(column, {})[float(row["step"]) + 1] = float(value)
    return {
        column: Curve(label, *zip(*sorted(values.items()), strict=True)) for column, values in sorted(points.items())
    }


def _read(path: Path, training: Training, skipped: list[str]) -> Sequence[Line]:
    with path.open(encoding="utf-8", errors="replace") as file:
        columns = file.readline().strip().split(",")
    numbers = [name for name in columns if name == LOSS or _VALID.fullmatch(name)]
    try:
        return read_csv(path, ("step",), ("step",), numbers)
    except InputError as error:
        if training.has_results:
            raise
        skipped.append(f"The curves of {training.folder} are left out, as it has not ended: {error}.")
        return []


def kind_of_curve(column: str) -> str:
    """What stands behind the scale in a column of validation PSNR, such as ``+tile128``; mostly nothing."""
    found = _VALID.fullmatch(column)
    return (found[2] or "") if found else ""


def scale_of(column: str) -> int | None:
    """The scale of a column of validation PSNR; None for the loss."""
    found = _VALID.fullmatch(column)
    return int(found[1]) if found else None
