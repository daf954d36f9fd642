"""Figures: legible on a phone, told apart without colours too, the same bytes for the same numbers."""

import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from igconv_sr.report.document import Mark, ReportFigure

# Okabe and Ito's colours without yellow, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_MARKERS = {"o": "●", "s": "■", "D": "◆", "P": "✚", "X": "✖", "*": "★", "^": "▲", "v": "▼", "<": "◀", ">": "▶"}
"""matplotlib's markers, as characters."""

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
    """A point of a scatter.

    Attributes:
        label: In the legend.
        x: Cost.
        y: Quality.
        number: Chooses colour and shape, see :func:`mark_of`.
    """

    label: str
    x: float
    y: float
    number: int


class Curve(NamedTuple):
    """The curve of one run.

    Attributes:
        label: In the legend, where curves of the same label stand once.
        steps: Optimiser steps.
        values: As many.
    """

    label: str
    steps: Sequence[float]
    values: Sequence[float]


class Band(NamedTuple):
    """What the seeds of an arm reached in trainings of several lengths.

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


def mark_of(number: int, figure: str) -> Mark:
    """What points of a number look like.

    Args:
        number: From 0.
        figure: Name of the picture.
    """
    return Mark(list(_MARKERS.values())[number % len(_MARKERS)], _COLOURS[number % len(_COLOURS)], figure)


def _look(number: int) -> dict[str, Any]:
    """Colour and marker, as matplotlib names them."""
    return {"color": _COLOURS[number % len(_COLOURS)], "marker": list(_MARKERS)[number % len(_MARKERS)]}


def draw_scatter(points: Sequence[Point], x_title: str, y_title: str) -> Figure:
    """Quality against cost, one point per model."""
    figure, axes = _figure(len(points))
    for point in points:
        label = wrapped(point.label, _LEGEND_WIDTH)
        axes.scatter(point.x, point.y, s=70, label=label, zorder=3, **_look(point.number))
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
            **_look(number),
            linestyle=_LINES[number % len(_LINES)],
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


def draw_bands(
    panels: Mapping[str, Sequence[Band]], labels: Sequence[str], x_title: str, y_title: str, columns: int
) -> Figure:
    """A panel per scale, with the same bands in all.

    Args:
        panels: By title.
        labels: All that figures beside this one show, so that each looks alike in all.
        x_title: Of the common horizontal axis, which is logarithmic.
        y_title: Of the vertical axes.
        columns: Panels beside each other.
    """
    rows = -(-len(panels) // columns)
    size = ((2.9 if columns > 1 else 4) * columns, (3 if rows == 1 else 2.4) * rows + 0.2 + 0.2 * len(labels))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        all_axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, (title, bands) in zip(all_axes, panels.items(), strict=False):
        for band in bands:
            number = labels.index(band.label)
            look = _look(number)
            axes.fill_between(band.steps, band.low, band.high, color=look["color"], alpha=0.2, linewidth=0)
            axes.plot(
                band.steps,
                band.middle,
                **look,
                linestyle=_LINES[number % len(_LINES)],
                markersize=5,
                label=wrapped(band.label, _LEGEND_WIDTH),
            )
        axes.set_title(title)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.ticklabel_format(useOffset=False, axis="y")
    all_axes[(rows - 1) * columns + columns // 2].set_xlabel(x_title)
    all_axes[rows // 2 * columns].set_ylabel(y_title)
    drawn = {label: line for axes in all_axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
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


def picture(figure: Figure, name: str, caption: str, alt: str, **more: Any) -> ReportFigure:
    """Writes a figure into memory as PNG and PDF; neither holds a time.

    Args:
        figure: The figure.
        name: Of its files.
        caption: What it shows.
        alt: What it shows, for those who cannot see it.
        **more: Further attributes of :class:`igconv_sr.report.document.ReportFigure`.
    """
    return ReportFigure(name, caption, alt, png_of(figure), _saved(figure, "pdf", "CreationDate"), **more)


def png_of(figure: Figure) -> bytes:
    """A figure as PNG."""
    return _saved(figure, "png", "Software")


def _saved(figure: Figure, form: str, left_out: str) -> bytes:
    file = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(file, format=form, metadata={left_out: None})
    return file.getvalue()


def slug(text: str) -> str:
    """A text as part of a file's name."""
    kept = "".join(character if character.isascii() and character.isalnum() else "-" for character in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "x"


def slugs(benchmarks: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Benchmarks, by name and number of images, as parts of files' names, no two alike.

    Example:
        >>> list(slugs([("Set5", 5), ("My set (2)", 3), ("Set5", 4)]).values())
        ['set5', 'my-set-2', 'set5-3']
    """
    found: dict[tuple[str, int], str] = {}
    for number, (name, images) in enumerate(dict.fromkeys(benchmarks), start=1):
        short = slug(name)
        found[name, images] = f"{short}-{number}" if short in found.values() else short
    return found
