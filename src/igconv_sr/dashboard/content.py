"""What the report shows: a text and panels."""

import contextlib
import random
from collections.abc import Iterator, Sequence

import wandb_workspaces.reports.v2 as wr
from wandb_workspaces.reports.v2.interface import BlockTypes, PanelTypes

from igconv_sr.report.published import published_rows
from igconv_sr.runs.logged_names import CROPS, RESULTS, STEP, benchmark_score, cost_name, valid_images, valid_score

TELLS_APART = (
    "run.model",
    "run.upsampler",
    "upsampler.fgrep",
    "upsampler.igsample",
    "loss.frequency",
    "data.scales",
    "trainer.max_steps",
)
"""Keys of the configuration; runs that are alike in these are repetitions of one training with other seeds."""

_TEXT = """\
Compared are {runs}. Runs alike in {keys} are repetitions: they are one line, bar or point, at their mean.

* **PSNR** is of 8-bit luma (BT.601, limited range), in dB, by protocol `standard`: *scale* border pixels are cut off \
on every side, LR images are MATLAB's bicubic, and a number is the mean of the per-image values.
* **Validation** is on images that were not trained on.
* **Benchmarks**: {benchmarks}, of the weights of the last step.
* **Cost**: stored parameters, before kernels are folded; seconds of training steps, without start-up and validation. \
Compare seconds of runs on the same device only (`cost/device`).

Made by `igconv-sr dashboard`, which replaces what is changed here by hand.
"""

_WIDTH = 24
"""Columns of W&B's grid, whatever the width of the window."""

_MOST_RUNS = 100
"""Lines or bars of a panel; W&B's own limit of 10 would leave out part of an ablation unsaid."""

_COSTS = {"params": "parameters", "train_seconds": "seconds of training"}


def report(
    entity: str, project: str, title: str, group: str | None, benchmarks: Sequence[str], scales: Sequence[float]
) -> wr.Report:
    """Composes the report, without the network.

    Args:
        entity: Owner of the project.
        project: Where it is to stand.
        title: Its title.
        group: The only group of runs to show; None for all.
        benchmarks: Names of benchmarks.
        scales: At which scales.
    """
    text = _TEXT.format(
        runs=f"the runs of the group `{group}`" if group else "all runs of this project",
        keys=", ".join(f"`{key}`" for key in (*([] if group else ["group"]), *TELLS_APART)),
        benchmarks=", ".join(benchmarks),
    )
    best_first = wr.OrderBy(wr.SummaryMetric(benchmark_score(benchmarks[0], "psnr_y", scales[0])))
    with _same_ids():
        sections = {
            "Validation": _curve_panels(scales),
            "Benchmarks": _score_panels(benchmarks, scales),
            "Quality against cost": _cost_panels(benchmarks[0], scales),
            "Pictures": _picture_panels(scales),
            "Tables": _table_panels(),
        }
        blocks: list[BlockTypes] = [wr.MarkdownBlock(text), wr.TableOfContents()]
        for heading, panels in sections.items():
            runs = _runs(group, best_first)
            blocks += [wr.H2(heading), wr.PanelGrid(runsets=[runs], panels=panels)]
        return wr.Report(project=project, entity=entity, title=title, width="fluid", blocks=blocks)


def specification(made: wr.Report) -> str:
    """The report as W&B keeps it, in JSON."""
    spec: str = made._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)  # type: ignore[no-untyped-call]
    return spec


def _runs(group: str | None, order: wr.OrderBy) -> wr.Runset:
    """The runs to show; without an entity and a project they are those of the report's project."""
    keys = [f"config.{key}" for key in TELLS_APART]
    return wr.Runset(
        name=group or "all runs",
        # Not as an object: the library (0.4.13) writes it as text, in which it does not escape quotes.
        filters=f"Metric('Group') == {group!r}" if group else "",
        groupby=keys if group else ["Group", *keys],
        order=[order],
    )


@contextlib.contextmanager
def _same_ids() -> Iterator[None]:
    """The library draws the panels' ids from Python's random numbers; the same ids keep links to panels valid."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)


def _curve_panels(scales: Sequence[float]) -> list[PanelTypes]:
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


def _score_panels(benchmarks: Sequence[str], scales: Sequence[float]) -> list[PanelTypes]:
    """PSNR as bars, a panel per benchmark and scale."""
    cells = [(benchmark, scale) for benchmark in benchmarks for scale in scales]
    return [_bars(*cell, _place(number, len(scales))) for number, cell in enumerate(cells)]


def _bars(benchmark: str, scale: float, place: wr.Layout) -> wr.BarPlot:
    """Bars that start at bicubic's PSNR where that is published: from 0 dB, all would look the same."""
    bicubic = _bicubic(benchmark, scale)
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


def _bicubic(benchmark: str, scale: float) -> float | None:
    """Published PSNR in dB."""
    rows = [row for row in published_rows() if (row.encoder, row.scale) == ("bicubic", scale)]
    return next((row.values[benchmark][0] for row in rows if benchmark in row.values), None)


def _cost_panels(benchmark: str, scales: Sequence[float]) -> list[PanelTypes]:
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


def _picture_panels(scales: Sequence[float]) -> list[PanelTypes]:
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


def _table_panels() -> list[PanelTypes]:
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
