"""``igconv-sr scale-curve``: PSNR at trained and untrained scales against bicubic."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from igconv_sr.analysis.outputs import print_files, save_figure
from igconv_sr.commands import flags
from igconv_sr.errors import InputError
from igconv_sr.runs.files import write_csv

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from igconv_sr.analysis.loaded import LoadedModel
    from igconv_sr.data import Benchmark
    from igconv_sr.super_resolver import SuperResolver

BICUBIC = "bicubic"


class CurveRow(NamedTuple):
    """A row of scale_curve.csv: one model on one benchmark at one scale; PSNR in dB."""

    model: str
    benchmark: str
    scale: float
    trained: bool
    images: int
    psnr_y: float
    ssim_y: float
    protocol: str
    weights: str
    commit: str


class Served(NamedTuple):
    """The scales that a model serves, of those asked for.

    Attributes:
        scales: Those that it serves.
        refused: Per scale that it does not, the reason.
    """

    scales: list[float]
    refused: dict[float, str]


def main(arguments: Sequence[str]) -> None:
    """Evaluates models at many scales.

    Raises:
        InputError: If a file or benchmark cannot be read, or no model serves any of the scales.
    """
    options = _parser().parse_args(arguments)
    folder = flags.output_folder("scale-curve", options.output)
    # Not before the flags are known to be right: torch takes seconds.
    from lightning.pytorch import Trainer

    from igconv_sr.analysis.loaded import load_models
    from igconv_sr.data import find_benchmarks
    from igconv_sr.inference.device import choose_device
    from igconv_sr.network import Bicubic
    from igconv_sr.system.console import quieten

    quieten()
    benchmarks = [found for path in options.benchmarks for found in find_benchmarks(path)]
    device = choose_device(options.device)
    trainer = Trainer(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    models = load_models(options.weights)
    served = {model.title: served_scales(model.net, options.scales) for model in models}
    if not any(found.scales for found in served.values()):
        title, found = next(iter(served.items()))
        raise InputError(f"--scales: no model serves any of them; {title}: {next(iter(found.refused.values()))}")
    print(f"Evaluating {BICUBIC} at {_listed(options.scales)}", flush=True)
    rows = _curve(Bicubic(), None, benchmarks, options.scales, trainer)
    for model in models:
        scales = served[model.title].scales
        print(f"Evaluating {model.title} at {_listed(scales) or 'no scale'}", flush=True)
        rows += _curve(model.net, model, benchmarks, scales, trainer)
    table, figure = folder / "scale_curve.csv", folder / "scale_curve.png"
    write_csv(table, CurveRow._fields, rows)
    save_figure(_figure(rows), figure)
    _print(rows)
    for title, found in served.items():
        _print_refused(title, found.refused)
    print_files([("Table", table), ("Figure", figure)], folder)


def served_scales(net: "SuperResolver", scales: Sequence[float]) -> Served:
    """Tries each scale on a picture of a few pixels.

    Args:
        net: On the CPU, in eval mode.
        scales: Which to try.
    """
    import torch

    served, refused = [], {}
    for scale in scales:
        try:
            with torch.no_grad():
                net.fold([scale])(torch.full((1, 3, 16, 16), 0.5), scale)
        except InputError as error:
            refused[scale] = str(error)
        else:
            served.append(scale)
    return Served(served, refused)


def _curve(
    net: "SuperResolver",
    model: "LoadedModel | None",
    benchmarks: Sequence["Benchmark"],
    scales: Sequence[float],
    trainer: "Trainer",
) -> list[CurveRow]:
    from igconv_sr.evaluation.benchmarks import evaluate
    from igconv_sr.metrics import STANDARD, mean_scores
    from igconv_sr.runs.results import current_commit

    title, path, trained = (BICUBIC, "", ()) if model is None else (model.title, str(model.path), model.net.scales)
    return [
        CurveRow(
            title,
            score.benchmark,
            score.scale,
            score.scale in trained,
            score.images,
            score.values["psnr_y"],
            score.values["ssim_y"],
            score.protocol,  # says so where memory sufficed for tiles alone
            path,
            current_commit(),
        )
        for score in (mean_scores(evaluate(net, benchmarks, scales, trainer, STANDARD)) if scales else [])
    ]


def _figure(rows: Sequence[CurveRow]) -> "Figure":
    """One column per benchmark: above PSNR, below the gain over bicubic; filled marks are trained scales."""
    from matplotlib.figure import Figure

    benchmarks = list(dict.fromkeys(row.benchmark for row in rows))
    models = [model for model in dict.fromkeys(row.model for row in rows) if model != BICUBIC]
    figure = Figure(figsize=(max(4.6 * len(benchmarks), 6), 6.4), layout="constrained")
    axes = figure.subplots(2, len(benchmarks), squeeze=False, sharex="col")
    for column, benchmark in enumerate(benchmarks):
        own = [row for row in rows if row.benchmark == benchmark]
        bicubic = {row.scale: row.psnr_y for row in own if row.model == BICUBIC}
        axes[0, column].plot(*_sorted(bicubic), color="grey", linestyle="--", marker=".", label=BICUBIC)
        axes[1, column].axhline(0, color="grey", linestyle="--")
        for number, model in enumerate(models):
            curve = [row for row in own if row.model == model]
            trained = {row.scale for row in curve if row.trained}
            psnr = {row.scale: row.psnr_y for row in curve}
            gain = {scale: value - bicubic[scale] for scale, value in psnr.items()}
            _draw(axes[0, column], psnr, trained, f"C{number % 10}", model)
            _draw(axes[1, column], gain, trained, f"C{number % 10}", model)
        axes[0, column].set_title(benchmark)
        axes[1, column].set_xlabel("scale")
        for axis in axes[:, column]:
            axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("PSNR on luma, dB")
    axes[1, 0].set_ylabel("gain over bicubic, dB")
    axes[0, 0].legend(fontsize=9, title="filled: trained scale", title_fontsize=9)
    return figure


def _draw(axes: "Axes", values: dict[float, float], trained: set[float], colour: str, label: str) -> None:
    scales, heights = _sorted(values)
    axes.plot(scales, heights, color=colour, marker="o", markerfacecolor="white", label=label)
    marked = {scale: value for scale, value in values.items() if scale in trained}
    axes.plot(*_sorted(marked), color=colour, marker="o", linestyle="")


def _sorted(values: dict[float, float]) -> tuple[list[float], list[float]]:
    scales = sorted(values)
    return scales, [values[scale] for scale in scales]


def _print(rows: Sequence[CurveRow]) -> None:
    from igconv_sr.evaluation.printed_tables import print_table

    models = list(dict.fromkeys(row.model for row in rows))
    values = {(row.benchmark, row.scale, row.model): row for row in rows}
    cells = []
    for benchmark, scale in dict.fromkeys((row.benchmark, row.scale) for row in rows):
        found = [values.get((benchmark, scale, model)) for model in models]
        cells.append([benchmark, f"×{scale:g}", *("" if row is None else _cell(row) for row in found)])
    print_table("PSNR on luma, dB; * trained", ["benchmark", "scale", *models], cells)


def _cell(row: CurveRow) -> str:
    return f"{row.psnr_y:.2f}{'*' if row.trained else ' '}"


def _print_refused(title: str, refused: Mapping[float, str]) -> None:
    if refused:
        first, reason = next(iter(refused.items()))
        print(f"Left out of the curve of {title}: {_listed(refused)}. Of ×{first:g}: {reason}")


def _listed(scales: Iterable[float]) -> str:
    return ", ".join(f"×{scale:g}" for scale in scales)


def _parser() -> flags.FlagParser:
    parser = flags.FlagParser(
        "scale-curve",
        "Draws PSNR on luma (protocol standard) over the scale, for models and bicubic. Scales that a model was "
        "trained for are marked; those that it cannot serve are left out of its curve, and named.",
    )
    parser.add_argument("weights", type=Path, nargs="+", metavar="WEIGHTS", help=flags.MODEL_FILES)
    parser.add_argument(
        "--benchmarks", type=Path, nargs="+", required=True, metavar="DIR", help="folders that hold HR/, or HR images"
    )
    parser.add_argument(
        "--scales",
        type=flags.scales,
        default="1.5:8:0.5",
        metavar="R,…",
        help="scales, or FIRST:LAST:STEP (default: 1.5:8:0.5)",
    )
    parser.add_device()
    parser.add_output()
    return parser
