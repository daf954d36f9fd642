"""``igconv-sr scale-curve``: PSNR at trained and untrained scales against bicubic."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igconv_sr.analysis.outputs import print_files, save_figure, write_table
from igconv_sr.analysis.rows import BICUBIC, CurveRow
from igconv_sr.commands import arguments
from igconv_sr.commands.flags import MODEL_FILES, FlagParser
from igconv_sr.errors import InputError

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from igconv_sr.analysis.loaded import LoadedModel
    from igconv_sr.metrics import Score


def main(flags: Sequence[str]) -> None:
    """Evaluates models at many scales.

    Raises:
        InputError: If a file or benchmark cannot be read, or no model serves any of the scales.
    """
    options = _parser().parse_args(flags)
    folder = arguments.output_folder("scale-curve", options.output)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.analysis.loaded import chosen_device, load_models
    from igconv_sr.analysis.psnr_over_scales import psnr_curve, served_scales
    from igconv_sr.analysis.scale_curve_figure import scale_curve_figure
    from igconv_sr.data import find_benchmarks
    from igconv_sr.network import Bicubic
    from igconv_sr.system.console import quieten

    quieten()
    benchmarks = [found for path in options.benchmarks for found in find_benchmarks(path)]
    trainer = _trainer(chosen_device(options.device).type)
    models = load_models(options.weights)
    served = {model.title: served_scales(model.net, options.scales) for model in models}
    if not any(found.scales for found in served.values()):
        title, found = next(iter(served.items()))
        raise InputError(f"--scales: no model serves any of them; {title}: {next(iter(found.refused.values()))}")
    print(f"Evaluating {BICUBIC} at {_listed(options.scales)}", flush=True)
    rows = _rows(psnr_curve(Bicubic(), benchmarks, options.scales, trainer), None)
    for model in models:
        scales = served[model.title].scales
        print(f"Evaluating {model.title} at {_listed(scales) or 'no scale'}", flush=True)
        rows += _rows(psnr_curve(model.net, benchmarks, scales, trainer), model)
    table, figure = folder / "scale_curve.csv", folder / "scale_curve.png"
    write_table(rows, CurveRow._fields, table)
    save_figure(scale_curve_figure(rows), figure)
    _print(rows)
    for title, found in served.items():
        _print_refused(title, found.refused)
    print_files([("Table", table), ("Figure", figure)], folder)


def _trainer(accelerator: str) -> "Trainer":
    from lightning.pytorch import Trainer

    return Trainer(
        accelerator=accelerator,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )


def _rows(scores: Sequence["Score"], model: "LoadedModel | None") -> list[CurveRow]:
    from igconv_sr.metrics import STANDARD
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
            STANDARD.name,
            path,
            current_commit(),
        )
        for score in scores
    ]


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


def _parser() -> FlagParser:
    parser = FlagParser(
        "scale-curve",
        "Draws PSNR on luma (protocol standard) over the scale, for models and bicubic. Scales that a model was "
        "trained for are marked; those that it cannot serve are left out of its curve, and named.",
    )
    parser.add_argument("weights", type=Path, nargs="+", metavar="WEIGHTS", help=MODEL_FILES)
    parser.add_argument(
        "--benchmarks", type=Path, nargs="+", required=True, metavar="DIR", help="folders that hold HR/, or HR images"
    )
    parser.add_argument(
        "--scales",
        type=arguments.scales,
        default="1.5:8:0.5",
        metavar="R,…",
        help="scales, or FIRST:LAST:STEP (default: 1.5:8:0.5)",
    )
    arguments.add_device(parser)
    arguments.add_output(parser)
    return parser
