"""``igconv-sr efficiency``: what models cost for an output of one size, on any device."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igconv_sr.analysis.outputs import print_files, save_figure, write_table
from igconv_sr.analysis.rows import EfficiencyRow
from igconv_sr.commands import arguments
from igconv_sr.commands.flags import FlagParser
from igconv_sr.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import argparse

    import torch

    from igconv_sr.network import SRNet


def main(flags: Sequence[str]) -> None:
    """Measures models.

    Raises:
        InputError: If there is no such model, upsampler, device, scale or table.
    """
    parser = _parser()
    options = parser.parse_args(flags)
    if (options.weights is None) == (options.model is None):
        parser.error("give --model, or --weights with a file instead")
    if options.benchmark is not None and not options.results:
        parser.error("--benchmark chooses from --results, which is not given")
    folder = arguments.output_folder("efficiency", options.output)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.analysis.efficiency_figure import efficiency_figure
    from igconv_sr.analysis.loaded import chosen_device
    from igconv_sr.analysis.measured_psnr import read_measured_psnr

    psnr = read_measured_psnr(options.results, options.benchmark) if options.results else None
    device = chosen_device(options.device)
    table, rows = folder / "efficiency.csv", []
    for row in _measure(options, device):
        rows.append(row)
        write_table(rows, EfficiencyRow._fields, table)  # what was measured so far outlasts an interruption
    figure = folder / "efficiency.png"
    save_figure(efficiency_figure(rows, psnr), figure)
    _print(rows)
    if psnr is not None:
        unknown = [row for row in rows if (row.model, row.upsampler, row.scale) not in psnr.values]
        if unknown:
            names = ", ".join(f"{row.model} + {row.upsampler} ×{row.scale}" for row in unknown)
            print(f"Without PSNR on {psnr.benchmark} in --results, and so not in that part of the figure: {names}")
    print_files([("Table", table), ("Figure", figure)], folder)


def _measure(options: "argparse.Namespace", device: "torch.device") -> Iterator[EfficiencyRow]:
    import torch

    from igconv_sr.measure.folded_cost import lr_size, measure_cost
    from igconv_sr.runs.results import current_commit

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    for model, upsampler, net in _models(options):
        for scale in options.scales:
            print(f"Measuring {model} + {upsampler} at ×{scale}", flush=True)
            size = lr_size(options.height, options.width, scale)
            cost = measure_cost(net, scale, size, device, options.seconds)
            yield EfficiencyRow(
                model,
                upsampler,
                scale,
                cost.params,
                cost.folded_params,
                cost.macs,
                None if cost.seconds is None else 1000 * cost.seconds,
                None if cost.peak is None else cost.peak / 2**20,
                name,
                torch.get_num_threads(),
                options.height,
                options.width,
                current_commit(),
            )


def _models(options: "argparse.Namespace") -> Iterator[tuple[str, str, "SRNet"]]:
    from igconv_sr.analysis.loaded import load_models
    from igconv_sr.measure.nets import UPSAMPLERS, build, model_names

    if options.weights is not None:
        (loaded,) = load_models([options.weights])
        yield loaded.card.model, loaded.card.upsampler_name, loaded.net
        return
    for flag, given, known in (("model", options.model, model_names()), ("upsampler", options.upsampler, UPSAMPLERS)):
        for name in given:
            if name not in known:
                raise InputError(f"--{flag} {name}: there are {', '.join(known)}{did_you_mean(name, known)}")
    for model in options.model:
        for upsampler in options.upsampler:
            yield model, upsampler, build(model, upsampler, options.scales).eval()


def _print(rows: Sequence[EfficiencyRow]) -> None:
    from igconv_sr.evaluation.printed_tables import print_table
    from igconv_sr.measure.folded_cost import COUNTED

    cells = [
        [
            f"{row.model} + {row.upsampler}",
            f"×{row.scale}",
            f"{row.params:,}",
            f"{row.folded_params:,}",
            f"{row.macs / 1e9:,.1f}",
            "out of memory" if row.latency_ms is None else f"{row.latency_ms:,.1f}",
            "" if row.peak_memory_mib is None else f"{row.peak_memory_mib:,.0f}",
        ]
        for row in rows
    ]
    first = rows[0]
    title = f"Folded, for an output of {first.width}×{first.height} ({first.machine})"
    print_table(title, ["model", "scale", "params", "folded", "GMACs", "ms", "peak MiB"], cells)
    print(f"{COUNTED} Memory is what a pass holds beyond the weights and the LR image.")


def _parser() -> FlagParser:
    parser = FlagParser(
        "efficiency",
        "Measures what models cost for an output of one size: parameters as stored for all scales, and folded for one; "
        "multiply-adds; the median latency of a pass at batch 1 in float32, after folding; and the peak memory beyond "
        "the weights and the LR image (on a CPU: of PyTorch's own allocations). The weights do not matter: without "
        "--weights they are fresh ones.",
    )
    parser.add_argument(
        "--model", type=arguments.names, metavar="NAME,…", help="models of conf/model, such as edsr,rcan"
    )
    parser.add_argument(
        "--upsampler",
        type=arguments.names,
        default=["spconv", "igconv_plus"],
        metavar="NAME,…",
        help="upsamplers of conf/upsampler (default: spconv,igconv_plus)",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the model of this file instead")
    parser.add_argument(
        "--scales", type=arguments.whole_scales, default=[2, 3, 4], metavar="R,…", help="(default: 2,3,4)"
    )
    parser.add_argument("--height", type=arguments.whole, default=720, help="of the output (default: %(default)s)")
    parser.add_argument("--width", type=arguments.whole, default=1280, help="of the output (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=arguments.seconds,
        default=10.0,
        help="time for the passes of a model at a scale, at most 100 behind a warm-up; a CPU that takes longer for the "
        "first pass does that one alone, which may be a fifth slower than later ones (default: %(default)g)",
    )
    parser.add_argument(
        "--results", type=Path, nargs="+", metavar="CSV", help="results.csv of runs: adds their PSNR to the figure"
    )
    parser.add_argument("--benchmark", metavar="NAME", help="whose PSNR (default: the first in --results)")
    arguments.add_device(parser)
    arguments.add_output(parser)
    return parser
