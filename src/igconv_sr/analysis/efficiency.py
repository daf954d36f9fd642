"""``igconv-sr efficiency``: what models cost for an output of one size, on any device."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from igconv_sr.analysis.outputs import print_files, save_figure
from igconv_sr.commands import flags
from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.runs.files import write_csv

if TYPE_CHECKING:
    import argparse

    import torch
    from matplotlib.figure import Figure

    from igconv_sr.analysis.measured_psnr import MeasuredPsnr
    from igconv_sr.network import SRNet

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


class EfficiencyRow(NamedTuple):
    """A row of efficiency.csv; latency and memory are None where the device's memory did not suffice.

    ``params`` are those stored for all scales asked for, ``folded_params`` and ``macs`` those of inference at this one.
    ``height`` and ``width`` are of the output asked for; sides of the LR image are rounded up.
    """

    model: str
    upsampler: str
    scale: int
    params: int
    folded_params: int
    macs: int
    latency_ms: float | None
    peak_memory_mib: float | None
    device: str
    threads: int
    height: int
    width: int
    commit: str

    @property
    def machine(self) -> str:
        """The device in words, of a CPU with its threads."""
        return f"CPU, {self.threads} thread{'s' * (self.threads > 1)}" if self.device == "cpu" else self.device


def main(arguments: Sequence[str]) -> None:
    """Measures models.

    Raises:
        InputError: If there is no such model, upsampler, device, scale or table.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.weights is None) == (options.model is None):
        parser.error("give --model, or --weights with a file instead")
    if options.benchmark is not None and not options.results:
        parser.error("--benchmark chooses from --results, which is not given")
    folder = flags.output_folder("efficiency", options.output)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.analysis.measured_psnr import read_measured_psnr
    from igconv_sr.inference.device import choose_device

    psnr = read_measured_psnr(options.results, options.benchmark) if options.results else None
    device = choose_device(options.device)
    if device.type == "mps":
        raise InputError("--device mps: latency and memory are measured on cpu and cuda alone")
    table, rows = folder / "efficiency.csv", []
    for row in _measure(options, device):
        rows.append(row)
        write_csv(table, EfficiencyRow._fields, rows)  # what was measured so far outlasts an interruption
    figure = folder / "efficiency.png"
    save_figure(_figure(rows, psnr), figure)
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

    name = device.type
    if device.type == "cuda":
        torch.cuda.set_device(device)  # the one that is waited for when time is taken
        name = torch.cuda.get_device_name(device)
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


def _figure(rows: Sequence[EfficiencyRow], psnr: "MeasuredPsnr | None") -> "Figure":
    """Latency against parameters and, where it is known, PSNR: a column per scale, a colour per model, a marker per
    upsampler. Down and left is cheap, up is good.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    scales = sorted({row.scale for row in rows})
    colours = {name: f"C{number % 10}" for number, name in enumerate(dict.fromkeys(row.model for row in rows))}
    names = dict.fromkeys(row.upsampler for row in rows)
    markers = {name: _MARKERS[number % len(_MARKERS)] for number, name in enumerate(names)}
    panels = 1 if psnr is None else 2
    figure = Figure(figsize=(3.4 * len(scales) + 2.2, 3.1 * panels + 0.5), layout="constrained")
    axes = figure.subplots(panels, len(scales), squeeze=False, sharex="col", sharey="row")
    for row in rows:
        heights = (row.params, None if psnr is None else psnr.values.get((row.model, row.upsampler, row.scale)))
        for axis, height in zip(axes[:, scales.index(row.scale)], heights, strict=False):
            if row.latency_ms is not None and height is not None:
                look = {"color": colours[row.model], "marker": markers[row.upsampler], "linestyle": ""}
                axis.plot(row.latency_ms, height, markersize=8, alpha=0.8, **look)
    for axis in axes.flat:
        axis.grid(alpha=0.3, which="both")
        axis.margins(0.15)
    for column, scale in enumerate(scales):
        axes[0, column].set(title=f"×{scale}", yscale="log")
        axes[-1, column].set(xlabel="latency, ms", xscale="log")
    axes[0, 0].set_ylabel("parameters, for all scales")
    if psnr is not None:
        axes[1, 0].set_ylabel(f"PSNR on luma of {psnr.benchmark}, dB")
    looks = [(name, colour, "o") for name, colour in colours.items()]
    looks += [(name, "grey", marker) for name, marker in markers.items()]
    handles = [Line2D([], [], color=colour, marker=mark, linestyle="", label=name) for name, colour, mark in looks]
    figure.legend(handles=handles, loc="outside right upper", fontsize=9, frameon=False)
    first = rows[0]
    figure.suptitle(f"Output of {first.width}×{first.height}, {first.machine}", fontsize=10)
    return figure


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


def _parser() -> flags.FlagParser:
    parser = flags.FlagParser(
        "efficiency",
        "Measures what models cost for an output of one size: parameters as stored for all scales, and folded for one; "
        "multiply-adds; the median latency of a pass at batch 1 in float32, after folding; and the peak memory beyond "
        "the weights and the LR image (on a CPU: of PyTorch's own allocations). The weights do not matter: without "
        "--weights they are fresh ones.",
    )
    parser.add_argument("--model", type=flags.names, metavar="NAME,…", help="models of conf/model, such as edsr,rcan")
    parser.add_argument(
        "--upsampler",
        type=flags.names,
        default=["spconv", "igconv_plus"],
        metavar="NAME,…",
        help="upsamplers of conf/upsampler (default: spconv,igconv_plus)",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the model of this file instead")
    parser.add_argument("--scales", type=flags.whole_scales, default=[2, 3, 4], metavar="R,…", help="(default: 2,3,4)")
    parser.add_argument("--height", type=flags.whole, default=720, help="of the output (default: %(default)s)")
    parser.add_argument("--width", type=flags.whole, default=1280, help="of the output (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=flags.seconds,
        default=10.0,
        help="time for the passes of a model at a scale, at most 100 behind a warm-up; a CPU that takes longer for the "
        "first pass does that one alone, which may be a fifth slower than later ones (default: %(default)g)",
    )
    parser.add_argument(
        "--results", type=Path, nargs="+", metavar="CSV", help="results.csv of runs: adds their PSNR to the figure"
    )
    parser.add_argument("--benchmark", metavar="NAME", help="whose PSNR (default: the first in --results)")
    parser.add_device()
    parser.add_output()
    return parser
