"""Training curves, read from Lightning's tables and drawn."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from igconv_sr.errors import InputError
from igconv_sr.report.document import ReportFigure
from igconv_sr.report.figures import Curve, draw_curves, picture, slug
from igconv_sr.runs.files import Line, read_csv
from igconv_sr.runs.logged_names import LOSS, read_valid_score
from igconv_sr.runs.trainings import Training


def training_curves(
    trainings: Mapping[str, Sequence[tuple[str, Training]]], skipped: list[str]
) -> Iterator[ReportFigure]:
    """Validation PSNR per scale and loss, per encoder and training data.

    Args:
        trainings: By encoder and data in words: label and run.
        skipped: Gets what could not be read.
    """
    for number, (title, members) in enumerate(trainings.items(), start=1):
        curves: dict[str, list[Curve]] = {}
        for label, training in members:
            if not training.curves:
                skipped.append(f"{training.folder} holds no training curves (metrics/version_*/metrics.csv).")
            for column, curve in read_curves(training, label, skipped).items():
                curves.setdefault(column, []).append(curve)
        labels = list(dict.fromkeys(label for label, _ in members))
        for column in sorted(curves, key=_scales_then_loss):
            score = read_valid_score(column)
            what = "training loss" if score is None else f"validation PSNR Y at ×{score.scale:g}{score.kind} in dB"
            remark = " Losses with a frequency term are larger for that alone." if score is None else ""
            caption = f"{what[0].upper()}{what[1:]} of {title}; one line per seed.{remark}"
            ends = "; ".join(f"{c.label}: {c.values[-1]:.4g} after {c.steps[-1]:,.0f} steps" for c in curves[column])
            mark = "loss" if score is None else slug(f"x{score.scale:g}{score.kind}")
            name = f"curves-{number}-{mark}"
            yield picture(
                draw_curves(curves[column], labels, what, score is None), name, caption, f"{caption} Ends: {ends}"
            )


def _scales_then_loss(column: str) -> tuple[bool, float, str]:
    score = read_valid_score(column)
    return score is None, 0 if score is None else score.scale, column


def read_curves(training: Training, label: str, skipped: list[str]) -> dict[str, Curve]:
    """The loss and the validation PSNR per scale of a run, over all its parts, by the names of their columns.

    Args:
        training: The run.
        label: Of its curves.
        skipped: Gets what could not be read of a run that still goes on, or of a part that did not end well.

    Raises:
        InputError: If the last table of a finished run is damaged.
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
        if not training.has_results:
            skipped.append(f"The curves of {training.folder} are left out, as it has not ended: {error}.")
        elif path != training.curves[-1]:  # a full disk ended that part in the midst of a row
            skipped.append(f"A part of the curves of {training.folder} is left out: {error}.")
        else:
            raise
        return []


def _is_drawn(column: str) -> bool:
    score = read_valid_score(column)
    return column == LOSS or (score is not None and score.measure == "psnr_y")
