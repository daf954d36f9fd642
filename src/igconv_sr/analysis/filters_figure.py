"""The figures of ``filters``: filters per sub-pixel, their impulse responses, and their spectra."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from igconv_sr.analysis.kernels import (
    HIGHEST_FREQUENCY,
    RED,
    Kernels,
    frequencies,
    impulse_responses,
    radial_profile,
    sub_pixel_tiles,
)

_LINES_UP_TO = 8
"""The largest scale at which lines between the tiles leave something of them to see."""

_RANGE = 1e-3
"""The smallest magnitude shown, relative to the largest."""


def filters_figure(found: Sequence[Kernels], channels: Sequence[int], title: str) -> Figure:
    """Filters as r×r tiles, one per sub-pixel, of k×k weights.

    Args:
        found: One row each.
        channels: Feature channels, one column each.
        title: Name of the model.
    """
    note = "per sub-pixel: r×r tiles of k×k weights"
    figure, axes = _grid(found, channels, lambda kernels, c: sub_pixel_tiles(kernels, RED, c), f"{title}, {note}")
    for row, kernels in zip(axes, found, strict=True):
        if kernels.scale <= _LINES_UP_TO:
            size = kernels.weights.shape[-1]
            edges = [size * number - 0.5 for number in range(1, kernels.scale)]
            for axis in row:
                axis.hlines(edges, -0.5, size * kernels.scale - 0.5, colors="black", linewidth=0.4)
                axis.vlines(edges, -0.5, size * kernels.scale - 0.5, colors="black", linewidth=0.4)
    return figure


def responses_figure(found: Sequence[Kernels], channels: Sequence[int], title: str) -> Figure:
    """Filters as what one pixel of a feature adds to the image around it; arguments as of :func:`filters_figure`."""
    responses = {id(kernels): impulse_responses(kernels) for kernels in found}
    note = "what one LR pixel of a feature adds to the image: r·k×r·k pixels"
    return _grid(found, channels, lambda kernels, c: responses[id(kernels)][c, RED], f"{title}, {note}")[0]


def _grid(
    found: Sequence[Kernels], channels: Sequence[int], picture: Callable[[Kernels, int], Tensor], title: str
) -> tuple[Figure, list[list[Axes]]]:
    figure = Figure(figsize=(0.9 * len(channels) + 1, 0.95 * len(found) + 0.8), layout="constrained")
    axes = figure.subplots(len(found), len(channels), squeeze=False)
    for column, channel in enumerate(channels):
        pictures = [picture(kernels, channel) for kernels in found]
        limit = max(image.abs().max().item() for image in pictures) or 1.0
        for row, (kernels, image) in enumerate(zip(found, pictures, strict=True)):
            axis = axes[row][column]
            axis.imshow(image.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(f"{channel}", fontsize=8)
            if column == 0:
                axis.set_ylabel(_name(kernels, found), fontsize=8)
    figure.suptitle(
        f"{title}\nweights from a feature channel to red; drawn red: positive, blue: negative; a range per column",
        fontsize=9,
    )
    return figure, axes.tolist()


def spectra_figure(found: Sequence[Kernels], spectra: Sequence[Tensor], title: str) -> Figure:
    """Mean magnitude of the spectra over all filters, above as maps, below over rings.

    Args:
        found: The filters.
        spectra: Of each.
        title: Name of the model.
    """
    scales, variants = (sorted({kernels[field] for kernels in found}) for field in (0, 1))
    maps_height = 2.3 * len(variants) + 0.6
    figure = Figure(figsize=(max(2.3 * len(scales), 6.5), maps_height + 2.8), layout="constrained")
    grid = figure.add_gridspec(2, height_ratios=(maps_height, 2.8))
    maps, curve = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    axes = maps.subplots(len(variants), len(scales), squeeze=False)
    largest = max(spectrum.max().item() for spectrum in spectra) or 1.0
    norm = LogNorm(_RANGE * largest, largest, clip=True)
    for kernels, spectrum in zip(found, spectra, strict=True):
        axis = axes[variants.index(kernels.fgrep), scales.index(kernels.scale)]
        _draw_map(axis, spectrum, kernels.scale, norm)
        axis.set_title(_name(kernels, found).replace("\n", ", "), fontsize=9)
    maps.colorbar(axes[0, 0].images[0], ax=axes, shrink=0.8)
    maps.suptitle(
        f"{title}: mean magnitude of the spectra of all filters\nfrequencies in cycles per LR pixel; dotted: the most "
        "that the LR grid can hold",
        fontsize=9,
    )
    _draw_profiles(curve.subplots(), found, spectra)
    return figure


def _draw_map(axes: Axes, spectrum: Tensor, scale: int, norm: LogNorm) -> None:
    half = -frequencies(scale)[0].item()
    axes.imshow(spectrum.numpy(), norm=norm, extent=(-half, half, half, -half), cmap="viridis", interpolation="nearest")
    axes.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, edgecolor="white", linewidth=1, linestyle=":"))
    axes.locator_params(nbins=5)
    axes.tick_params(labelsize=7)


def _draw_profiles(axes: Axes, found: Sequence[Kernels], spectra: Sequence[Tensor]) -> None:
    scales = sorted({kernels.scale for kernels in found})
    for kernels, spectrum in zip(found, spectra, strict=True):
        averaged = kernels.fgrep or not any(other.fgrep for other in found)
        axes.plot(
            *(values.numpy() for values in radial_profile(spectrum, kernels.scale)),
            label=_name(kernels, found).replace("\n", ", "),
            color=f"C{scales.index(kernels.scale)}",
            linestyle="-" if averaged else "--",
            linewidth=1.4,
        )
    axes.axvline(0.5, color="grey", linestyle=":", linewidth=1)
    axes.set(xlabel="radius, cycles per LR pixel", ylabel="mean magnitude", yscale="log")
    axes.set_xlim(0, min(max(scales) / 2, HIGHEST_FREQUENCY))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, ncols=2)


def _name(kernels: Kernels, found: Sequence[Kernels]) -> str:
    """Scale, and where the model has FGRep, whether this is with it."""
    if not any(other.fgrep for other in found):
        return f"×{kernels.scale}"
    return f"×{kernels.scale}\n{'FGRep' if kernels.fgrep else 'no FGRep'}"
