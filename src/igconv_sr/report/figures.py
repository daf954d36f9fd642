"""Figures: legible on a phone, told apart without colours too, the same bytes for the same numbers."""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from igconv_sr.report.document import Picture

# Okabe and Ito's colours without yellow, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_MARKERS = "osD^vPX*<>"
_LINES = ("-", "--", "-.", ":")
_STYLE: Any = {  # matplotlib types its keys one by one
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "savefig.dpi": 160,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
}
_WIDTH, _HEIGHT = 4.8, 3.4
_WIDE = 20
"""Costs whose largest is more than so many times their smallest are drawn on a logarithmic axis."""

_LEGEND_WIDTH = 52
"""Characters of a line of the legend."""


class Point(NamedTuple):
    """Of a scatter.

    Attributes:
        label: In the legend.
        x: Cost.
        y: Quality.
    """

    label: str
    x: float
    y: float


class Curve(NamedTuple):
    """Of one run.

    Attributes:
        label: In the legend, where curves of the same label stand once.
        steps: Optimiser steps.
        values: As many.
    """

    label: str
    steps: Sequence[float]
    values: Sequence[float]


class Band(NamedTuple):
    """Of trainings of several lengths.

    Attributes:
        label: In the legend.
        steps: Optimiser steps.
        low: Of the worst seed.
        middle: Mean over the seeds.
        high: Of the best seed.
    """

    label: str
    steps: Sequence[int]
    low: Sequence[float]
    middle: Sequence[float]
    high: Sequence[float]


def draw_scatter(points: Sequence[Point], x_title: str, y_title: str) -> Figure:
    """Quality against cost, one point per model."""
    figure, axes = _figure(len(points))
    for number, point in enumerate(points):
        axes.scatter(
            point.x,
            point.y,
            s=70,
            color=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            label=wrapped(point.label, _LEGEND_WIDTH),
            zorder=3,
        )
    values = [point.x for point in points]
    if max(values) > _WIDE * min(values) > 0:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    if max(values) >= 1000:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(0.15)
    _finish(figure, axes, x_title, y_title)
    return figure


def draw_curves(curves: Sequence[Curve], labels: Sequence[str], y_title: str, logarithmic: bool) -> Figure:
    """One line per run; runs of the same label look alike.

    Args:
        curves: The lines.
        labels: All that figures beside this one show, so that each looks alike in all.
        y_title: Of the vertical axis.
        logarithmic: Whether that axis is.
    """
    figure, axes = _figure(len({curve.label for curve in curves}))
    seen = set()
    for curve in curves:
        number = labels.index(curve.label)
        axes.plot(
            curve.steps,
            curve.values,
            color=_COLOURS[number % len(_COLOURS)],
            linestyle=_LINES[number % len(_LINES)],
            marker=_MARKERS[number % len(_MARKERS)],
            markevery=max(1, len(curve.steps) // 8),
            markersize=4,
            linewidth=1.4,
            label=None if curve.label in seen else wrapped(curve.label, _LEGEND_WIDTH),
        )
        seen.add(curve.label)
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, axes, "optimiser steps", y_title)
    return figure


def draw_bands(panels: Mapping[str, Sequence[Band]], x_title: str, y_title: str) -> Figure:
    """A panel per scale beside each other, with the same bands in all.

    Args:
        panels: By title.
        x_title: Of the common horizontal axis, which is logarithmic.
        y_title: Of the vertical axes.
    """
    labels = list(dict.fromkeys(band.label for bands in panels.values() for band in bands))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(2.9 * len(panels), 3.2 + 0.2 * len(labels)), layout="constrained")
        all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, bands) in zip(all_axes, panels.items(), strict=True):
        for band in bands:
            number = labels.index(band.label)
            colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
            axes.fill_between(band.steps, band.low, band.high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(
                band.steps,
                band.middle,
                color=colour,
                linestyle=_LINES[number % len(_LINES)],
                marker=marker,
                markersize=5,
                label=wrapped(band.label, _LEGEND_WIDTH),
            )
        axes.set_title(title)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.ticklabel_format(useOffset=False, axis="y")
    all_axes[len(all_axes) // 2].set_xlabel(x_title)
    all_axes[0].set_ylabel(y_title)
    figure.legend(
        *all_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9
    )
    return figure


def draw_gallery(images: Sequence[tuple[str, Image.Image]]) -> Figure:
    """Pictures with their captions below, four in a row."""
    columns = min(len(images), 4)
    count = -(-len(images) // columns)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(1.9 * columns, 2.6 * count), layout="constrained")
        axes = figure.subplots(count, columns, squeeze=False).flatten()
    for axis in axes:
        axis.set_axis_off()
    for axis, (caption, image) in zip(axes, images, strict=False):
        axis.imshow(image, interpolation="nearest")
        axis.set_title(wrapped(caption, 26), fontsize=8, y=-0.06, verticalalignment="top")
    return figure


def _figure(entries: int) -> tuple[Figure, Axes]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT + 0.28 * entries), layout="constrained")
        return figure, figure.subplots()


def _finish(figure: Figure, axes: Axes, x_title: str, y_title: str) -> None:
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)
    if axes.get_yscale() == "linear":
        axes.ticklabel_format(useOffset=False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1, frameon=False, fontsize=9)


def wrapped(label: str, width: int) -> str:
    """A label in lines of so many characters."""
    # A dollar would begin a formula, and a leading underscore hide the entry.
    return "\n".join(textwrap.wrap(label.replace("$", r"\$").lstrip("_"), width))


def picture(figure: Figure, name: str, caption: str, alt: str, parts: Sequence[tuple[str, bytes]] = ()) -> Picture:
    """Writes a figure into memory as PNG and PDF; neither holds a time."""
    png, pdf = (bytes(content) for content in _saved(figure))
    return Picture(name, caption, alt, png, pdf, parts)


def _saved(figure: Figure) -> Iterator[bytes]:
    for form in ("png", "pdf"):
        file = io.BytesIO()
        with mpl.rc_context(_STYLE):
            figure.savefig(file, format=form, metadata={"CreationDate": None} if form == "pdf" else {"Software": None})
        yield file.getvalue()
