"""What the report shows."""

import contextlib
import random
from collections.abc import Iterator, Sequence

import wandb_workspaces.reports.v2 as wr
from wandb_workspaces.reports.v2.interface import BlockTypes

from igconv_sr.dashboard.panels import cost_panels, curve_panels, picture_panels, score_panels, table_panels
from igconv_sr.runs.logged_names import benchmark_score

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
            "Validation": curve_panels(scales),
            "Benchmarks": score_panels(benchmarks, scales),
            "Quality against cost": cost_panels(benchmarks[0], scales),
            "Pictures": picture_panels(scales),
            "Tables": table_panels(),
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
