"""``igconv-sr filters``: the kernels of a model at any scale, and their spectra."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from igconv_sr.analysis.outputs import print_files, save_figure
from igconv_sr.commands import flags
from igconv_sr.errors import InputError
from igconv_sr.runs.files import write_csv

if TYPE_CHECKING:
    from torch import Tensor

    from igconv_sr.analysis.kernels import Kernels


class WeightRow(NamedTuple):
    """A row of filters.csv: one weight of a drawn filter, to red, at sub-pixel (i,j) and place (u,v) in the kernel."""

    scale: int
    fgrep: bool
    channel: int
    i: int
    j: int
    u: int
    v: int
    weight: float


class SpectrumRow(NamedTuple):
    """A row of spectra.csv: the mean magnitude at a frequency in cycles per LR pixel."""

    scale: int
    fgrep: bool
    frequency_y: float
    frequency_x: float
    magnitude: float


class CorrelationRow(NamedTuple):
    """A row of correlation.csv: correlation of the weights of neighbouring sub-pixels."""

    scale: int
    fgrep: bool
    correlation: float
    weights: str
    commit: str


def main(arguments: Sequence[str]) -> None:
    """Draws the kernels of a model.

    Raises:
        InputError: If the file cannot be read, or the model has no kernels to draw at one of the scales.
    """
    options = _parser().parse_args(arguments)
    folder = flags.output_folder("filters", options.output)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.analysis.filters_figure import filters_figure, responses_figure, spectra_figure
    from igconv_sr.analysis.kernels import kernels_at, mean_spectrum
    from igconv_sr.analysis.loaded import load_models

    (model,) = load_models([options.weights])
    try:
        found = [kernels for scale in options.scales for kernels in kernels_at(model.net.upsampler, scale)]
    except InputError as error:
        raise InputError(f"{model.path}: {error}") from error
    spectra = [mean_spectrum(kernels) for kernels in found]
    channels = range(min(options.count, found[0].weights.shape[3]))
    write_csv(folder / "filters.csv", WeightRow._fields, _weights(found, channels))
    write_csv(folder / "spectra.csv", SpectrumRow._fields, _spectra(found, spectra))
    write_csv(folder / "correlation.csv", CorrelationRow._fields, _correlations(found, model.path))
    save_figure(filters_figure(found, channels, model.title), folder / "filters.png")
    save_figure(responses_figure(found, channels, model.title), folder / "responses.png")
    save_figure(spectra_figure(found, spectra, model.title), folder / "spectra.png")
    print(f"{model.title} ({model.path})")
    for row in _correlations(found, model.path):
        averaged = ", averaged over flips and turns" if row.fgrep else ""
        print(f"×{row.scale}{averaged}: correlation of neighbouring sub-pixels {row.correlation:.3f}")
    files = [("Filters", "filters"), ("Responses", "responses"), ("Spectra", "spectra")]
    print_files([(title, folder / f"{name}.png") for title, name in files], folder)


def _weights(found: Sequence["Kernels"], channels: Sequence[int]) -> Iterator[WeightRow]:
    from igconv_sr.analysis.kernels import RED

    for kernels in found:
        drawn = kernels.weights[RED][:, :, list(channels)].numpy()
        for (i, j, channel, u, v), weight in np.ndenumerate(drawn):
            yield WeightRow(kernels.scale, kernels.fgrep, channel, i, j, u, v, float(weight))


def _spectra(found: Sequence["Kernels"], spectra: Sequence["Tensor"]) -> Iterator[SpectrumRow]:
    from igconv_sr.analysis.kernels import frequencies

    for kernels, spectrum in zip(found, spectra, strict=True):
        axis = frequencies(kernels.scale).tolist()
        for (row, column), magnitude in np.ndenumerate(spectrum.numpy()):
            yield SpectrumRow(kernels.scale, kernels.fgrep, axis[row], axis[column], float(magnitude))


def _correlations(found: Sequence["Kernels"], path: Path) -> list[CorrelationRow]:
    from igconv_sr.analysis.kernels import neighbour_correlation
    from igconv_sr.runs.results import current_commit

    return [
        CorrelationRow(kernels.scale, kernels.fgrep, neighbour_correlation(kernels), str(path), current_commit())
        for kernels in found
    ]


def _parser() -> flags.FlagParser:
    parser = flags.FlagParser(
        "filters",
        "Draws a model's kernels at any whole scale: each filter as its k×k weights per sub-pixel, and as what one "
        "pixel of a feature adds to the image; the mean magnitude of their spectra over all filters; without FGRep, "
        "and with it where the model has it. Takes models with igconv or igconv_plus, and with spconv at the scales "
        "that it has.",
    )
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help=".ckpt, .safetensors or released .pth")
    parser.add_argument("--scales", type=flags.whole_scales, default=[2, 3, 4], metavar="R,…", help="(default: 2,3,4)")
    parser.add_argument(
        "--count",
        type=flags.whole,
        default=12,
        metavar="N",
        help="how many filters to draw: those of the first N feature channels to red (default: %(default)s)",
    )
    parser.add_output()
    return parser
