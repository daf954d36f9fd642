"""The panels of the report."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import wandb_workspaces.reports.v2 as wr
from wandb_workspaces.reports.v2.interface import PanelTypes

import igconv_sr.report
from igconv_sr.runs.files import read_yaml
from igconv_sr.runs.logged_names import CROPS, RESULTS, STEP, benchmark_score, cost_name, valid_images, valid_score

_WIDTH = 24
"""Columns of W&B's grid, whatever the width of the window."""

_MOST_RUNS = 100
"""Lines or bars of a panel; W&B's own limit of 10 would leave out part of an ablation unsaid."""

_COSTS = {"params": "parameters", "train_seconds": "seconds of training"}


def curve_panels(scales: Sequence[float]) -> list[PanelTypes]:
    """PSNR of validation over steps, a panel per scale."""
    return [
        wr.LinePlot(
            title=f"PSNR on validation images ×{scale:g}",
            x=STEP,
            y=[valid_score("psnr_y", scale)],
            title_x="step",
            title_y="PSNR (dB)",
            max_runs_to_show=_MOST_RUNS,
            layout=_place(number, len(scales)),
        )
        for number, scale in enumerate(scales)
    ]


def score_panels(benchmarks: Sequence[str], scales: Sequence[float]) -> list[PanelTypes]:
    """PSNR as bars, a panel per benchmark and scale."""
    cells = [(benchmark, scale) for benchmark in benchmarks for scale in scales]
    return [_bars(*cell, _place(number, len(scales))) for number, cell in enumerate(cells)]


def _bars(benchmark: str, scale: float, place: wr.Layout) -> wr.BarPlot:
    """Bars that start at bicubic's PSNR where that is published: from 0 dB, all would look the same."""
    bicubic = _bicubic().get((benchmark, scale))
    start = "" if bicubic is None else f", from bicubic’s {bicubic:.2f} dB"
    return wr.BarPlot(
        title=f"PSNR on {benchmark} ×{scale:g}{start}",
        metrics=[benchmark_score(benchmark, "psnr_y", scale)],
        range_x=(bicubic, None),
        title_x="PSNR (dB)",
        max_runs_to_show=_MOST_RUNS,
        max_bars_to_show=_MOST_RUNS,
        layout=place,
    )


@cache
def _bicubic() -> Mapping[tuple[str, float], float]:
    """Published PSNR in dB by benchmark and scale."""
    file = Path(igconv_sr.report.__path__[0]) / "published.yaml"
    rows = [row for table in read_yaml(file)["results"] for row in table["rows"] if row["encoder"] == "bicubic"]
    return {(name, row["scale"]): value[0] for row in rows for name, value in row.items() if isinstance(value, list)}


def cost_panels(benchmark: str, scales: Sequence[float]) -> list[PanelTypes]:
    """PSNR against parameters and training time, a panel for each of them and each scale."""
    cells = [(key, scale) for key in _COSTS for scale in scales]
    return [
        wr.ScatterPlot(
            title=f"PSNR on {benchmark} ×{scale:g} against {_COSTS[key]}",
            x=wr.SummaryMetric(cost_name(key)),
            y=wr.SummaryMetric(benchmark_score(benchmark, "psnr_y", scale)),
            log_x=True,
            layout=_place(number, len(scales)),
        )
        for number, (key, scale) in enumerate(cells)
    ]


def picture_panels(scales: Sequence[float]) -> list[PanelTypes]:
    """Rows of cut-outs by run, a panel per scale."""
    return [
        wr.MediaBrowser(
            title=f"×{scale:g}: LR, bicubic, SR, HR, error",
            media_keys=[valid_images(scale)],
            num_columns=1,
            layout=_place(number, 1, height=12),
        )
        for number, scale in enumerate(scales)
    ]


def table_panels() -> list[PanelTypes]:
    """Cut-outs of benchmark images with their scores, and the results, of all runs."""
    return [
        wr.WeavePanelSummaryTable(table_name=name, layout=_place(number, 1, height=18))
        for number, name in enumerate((CROPS, RESULTS))
    ]


def _place(number: int, per_row: int, height: int = 10) -> wr.Layout:
    """The place of a panel by its number, with at most three in a row."""
    columns = min(per_row, 3)
    row, column = divmod(number, columns)
    width = _WIDTH // columns
    return wr.Layout(x=column * width, y=row * height, w=width, h=height)
