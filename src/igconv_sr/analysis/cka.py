"""``igconv-sr cka``: how alike the layers of two encoders are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from igconv_sr.analysis.outputs import print_files, save_figure
from igconv_sr.commands import flags
from igconv_sr.runs.files import write_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from igconv_sr.analysis.loaded import LoadedModel
    from igconv_sr.analysis.similarity import Similarity

_NUMBERS_UP_TO = 12
"""Layers of which the values still fit into their cells."""


class CkaRow(NamedTuple):
    """A row of cka.csv: one layer of A and one of B, numbered from 1."""

    layer_a: int
    name_a: str
    layer_b: int
    name_b: str
    cka: float
    images: int
    examples: int
    scale: float
    weights_a: str
    weights_b: str
    commit: str


def main(arguments: Sequence[str]) -> None:
    """Compares two encoders.

    Raises:
        InputError: If a file, layer, image or device does not fit.
    """
    options = _parser().parse_args(arguments)
    folder = flags.output_folder("cka", options.output)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.analysis.encoder_layers import LayerFeatures, check_patterns, matching_layers, trunk_layers
    from igconv_sr.analysis.loaded import load_models
    from igconv_sr.analysis.similarity import layer_similarity
    from igconv_sr.data import BenchmarkImages, find_benchmarks
    from igconv_sr.inference.device import choose_device

    benchmarks = [found for path in options.images for found in find_benchmarks(path)]
    images = BenchmarkImages(benchmarks, [options.scale])
    device = choose_device(options.device)
    models = load_models([options.weights_a, *([options.weights_b] if options.weights_b else [])])
    encoders = [model.net.encoder for model in models]
    if options.layers is None:
        names = [trunk_layers(encoder) for encoder in encoders]
    else:
        check_patterns(encoders, options.layers)
        names = [matching_layers(encoder, options.layers) for encoder in encoders]
    sides = [LayerFeatures(model.net, own, device) for model, own in zip(models, names, strict=True)]
    found = layer_similarity(sides[0], sides[-1], images, options.positions)
    write_csv(folder / "cka.csv", CkaRow._fields, _rows(models, names, found, options.scale))
    titles = [model.title for model in models]
    save_figure(_figure(found, titles[0], titles[-1]), folder / "cka.png")
    _print(models, names, found)
    print_files([("Values", folder / "cka.csv"), ("Figure", folder / "cka.png")], folder)


def _rows(
    models: Sequence["LoadedModel"], names: Sequence[Sequence[str]], found: "Similarity", scale: float
) -> list[CkaRow]:
    from igconv_sr.runs.results import current_commit

    files = str(models[0].path), str(models[-1].path)
    end = (found.images, found.examples, scale, *files, current_commit())
    return [
        CkaRow(i, name_a, j, name_b, value, *end)
        for i, (name_a, row) in enumerate(zip(names[0], found.matrix.tolist(), strict=True), start=1)
        for j, (name_b, value) in enumerate(zip(names[-1], row, strict=True), start=1)
    ]


def _figure(found: "Similarity", title_a: str, title_b: str) -> "Figure":
    """A heat map; for two encoders of as many layers with a curve of its diagonal beside it."""
    from matplotlib.figure import Figure

    mean = None if found.with_itself else found.diagonal_mean
    figure = Figure(figsize=(6.2, 5) if mean is None else (10.4, 5), layout="constrained")
    if mean is None:
        heat = figure.subplots()
    else:
        heat, curve = figure.subplots(1, 2, width_ratios=(1.35, 1))
        _draw_diagonal(curve, found, mean)
    image = heat.imshow(found.matrix.numpy(), vmin=0, vmax=1, cmap="magma", origin="lower", interpolation="nearest")
    figure.colorbar(image, ax=heat, label="linear CKA", shrink=0.8)
    heat.set(xlabel=f"layer of B: {title_b}", ylabel=f"layer of A: {title_a}")
    for axis, size in ((heat.yaxis, found.matrix.shape[0]), (heat.xaxis, found.matrix.shape[1])):
        step = -(-size // _NUMBERS_UP_TO)
        axis.set_ticks(range(0, size, step), labels=[str(number + 1) for number in range(0, size, step)])
    if max(found.matrix.shape) <= _NUMBERS_UP_TO:
        _write_values(heat, found)
    figure.suptitle(f"Linear CKA over {found.examples:,} pixels of {found.images} images", fontsize=11)
    return figure


def _write_values(axes: "Axes", found: "Similarity") -> None:
    for (row, column), value in np.ndenumerate(found.matrix.numpy()):
        colour = "black" if value > 0.6 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)


def _draw_diagonal(axes: "Axes", found: "Similarity", mean: float) -> None:
    from matplotlib.ticker import MaxNLocator

    values = found.matrix.diagonal().tolist()
    axes.plot(range(1, len(values) + 1), values, marker="o", markersize=4)
    axes.axhline(mean, linestyle="--", linewidth=1, color="grey")
    axes.annotate(f"mean {mean:.3f}", (1, mean), xytext=(0, -4), textcoords="offset points", va="top", fontsize=9)
    axes.set_title("layers of the same number", fontsize=10)
    axes.set(xlabel="layer", ylim=(0, 1.03))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def _print(models: Sequence["LoadedModel"], names: Sequence[Sequence[str]], found: "Similarity") -> None:
    for letter, model, own in zip("AB", (models[0], models[-1]), (names[0], names[-1]), strict=True):
        print(f"{letter}: {model.title} ({model.path}), layers {own[0]} … {own[-1]}")
    print(f"{found.examples:,} positions of {found.images} images")
    mean = found.diagonal_mean
    if mean is None:
        print("The numbers of layers differ: there is no diagonal to average")
    else:
        first, last = found.matrix.diagonal()[[0, -1]].tolist()
        print(f"Layer with the same layer: {first:.3f} in the first, {last:.3f} in the last, {mean:.3f} in the mean")


def _parser() -> flags.FlagParser:
    parser = flags.FlagParser(
        "cka",
        "Compares the layers of two encoders, or of one with itself, by linear CKA (1: equal up to turning and "
        "scaling; 0: unrelated). Both see the same LR images. Examples are pixels, at most --positions of each image, "
        "drawn by a fixed seed; images are read one after the other, so that memory does not grow with their number.",
    )
    parser.add_argument("weights_a", type=Path, metavar="WEIGHTS_A", help=".ckpt, .safetensors or released .pth")
    parser.add_argument("weights_b", type=Path, metavar="WEIGHTS_B", nargs="?", help="the other (default: the same)")
    parser.add_argument(
        "--images", type=Path, nargs="+", required=True, metavar="DIR", help="folders of HR images, or benchmarks"
    )
    parser.add_argument(
        "--scale",
        type=flags.scale,
        default=4,
        metavar="R",
        help="the LR images are those of this scale, made by MATLAB's bicubic where there are no files (default: 4)",
    )
    parser.add_argument(
        "--layers",
        type=flags.names,
        metavar="NAME,…",
        help="modules of the encoders, with * for any one part of a name, such as layers.*.residual_group.blocks.* "
        "(default: the members of the encoder's trunk)",
    )
    parser.add_argument(
        "--positions", type=flags.whole, default=2000, metavar="N", help="pixels per image (default: %(default)s)"
    )
    parser.add_device()
    parser.add_output()
    return parser
