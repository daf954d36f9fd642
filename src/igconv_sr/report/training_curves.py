"""Training curves from Lightning's tables."""

from collections.abc import Sequence
from pathlib import Path

from igconv_sr.errors import InputError
from igconv_sr.report.figures import Curve
from igconv_sr.runs.files import Line, read_csv
from igconv_sr.runs.logged_names import LOSS, read_valid_score
from igconv_sr.runs.trainings import Training


def read_curves(training: Training, label: str, skipped: list[str]) -> dict[str, Curve]:
    """The loss and the validation PSNR per scale of a run, over all its parts, by the names of their columns.

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
                if value and _is_drawn(column):
                    # A resumed part repeats steps after its checkpoint: what came later counts. Steps count from 0.
                    points.setdefault(column, {})[float(row["step"]) + 1] = float(value)
    return {
        column: Curve(label, *zip(*sorted(values.items()), strict=True)) for column, values in sorted(points.items())
    }


def _read(path: Path, training: Training, skipped: list[str]) -> Sequence[Line]:
    with path.open(encoding="utf-8", errors="replace") as file:
        columns = file.readline().strip().split(",")
    numbers = [name for name in columns if _is_drawn(name)]
    try:
        return read_csv(path, ("step",), ("step",), numbers)
    except InputError as error:
        if training.has_results:
            raise
        skipped.append(f"The curves of {training.folder} are left out, as it has not ended: {error}.")
        return []


def _is_drawn(column: str) -> bool:
    score = read_valid_score(column)
    return column == LOSS or (score is not None and score.measure == "psnr_y")
