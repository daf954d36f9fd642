"""The figure of ``cka``: every layer of A with every layer of B, and layers of the same number."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from igconv_sr.analysis.similarity import Similarity

_NUMBERS_UP_TO = 12
"""Layers of which the values still fit into their cells."""


def cka_figure(found: Similarity, title_a: str, title_b: str) -> Figure:
    """A heat map; for two encoders of as many layers with a curve of its diagonal beside it.

    Args:
        found: What to show.
        title_a: Name of A.
        title_b: Name of B.
    """
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


def _write_values(axes: Axes, found: Similarity) -> None:
    for (row, column), value in zip(
        ((r, c) for r in range(found.matrix.shape[0]) for c in range(found.matrix.shape[1])),
        found.matrix.flatten().tolist(),
        strict=True,
    ):
        colour = "black" if value > 0.6 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)


def _draw_diagonal(axes: Axes, found: Similarity, mean: float) -> None:
    values = found.matrix.diagonal().tolist()
    axes.plot(range(1, len(values) + 1), values, marker="o", markersize=4)
    axes.axhline(mean, linestyle="--", linewidth=1, color="grey")
    axes.annotate(f"mean {mean:.3f}", (1, mean), xytext=(0, -4), textcoords="offset points", va="top", fontsize=9)
    axes.set_title("layers of the same number", fontsize=10)
    axes.set(xlabel="layer", ylim=(0, 1.03))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
