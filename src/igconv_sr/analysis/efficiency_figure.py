"""The figure of ``efficiency``: latency against parameters, and against PSNR where it is known."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from igconv_sr.analysis.measured_psnr import MeasuredPsnr
from igconv_sr.analysis.rows import EfficiencyRow

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def efficiency_figure(rows: Sequence[EfficiencyRow], psnr: MeasuredPsnr | None) -> Figure:
    """One column per scale; colours are models, markers upsamplers. Down and left is cheap, up is good.

    Args:
        rows: What was measured.
        psnr: Adds a row of panels.
    """
    scales = sorted({row.scale for row in rows})
    panels = 1 if psnr is None else 2
    figure = Figure(figsize=(3.4 * len(scales) + 2.2, 3.1 * panels + 0.5), layout="constrained")
    axes = figure.subplots(panels, len(scales), squeeze=False, sharex="col", sharey="row")
    for column, scale in enumerate(scales):
        measured = [row for row in rows if row.scale == scale and row.latency_ms is not None]
        _scatter(axes[0, column], measured, rows, lambda row: row.params)
        axes[0, column].set(title=f"×{scale}", yscale="log")
        if psnr is not None:
            _scatter(axes[1, column], measured, rows, lambda row: psnr.values.get(_key(row)))
        axes[-1, column].set(xlabel="latency, ms", xscale="log")
    axes[0, 0].set_ylabel("parameters, for all scales")
    if psnr is not None:
        axes[1, 0].set_ylabel(f"PSNR on luma of {psnr.benchmark}, dB")
    figure.legend(handles=_handles(rows), loc="outside right upper", fontsize=9, frameon=False)
    first = rows[0]
    figure.suptitle(f"Output of {first.width}×{first.height}, {first.machine}", fontsize=10)
    return figure


def _scatter(
    axes: Axes,
    shown: Sequence[EfficiencyRow],
    rows: Sequence[EfficiencyRow],
    height: Callable[[EfficiencyRow], float | None],
) -> None:
    models, upsamplers = _names(rows)
    for row in shown:
        if (value := height(row)) is None:
            continue
        assert row.latency_ms is not None
        colour, marker = f"C{models.index(row.model) % 10}", _MARKERS[upsamplers.index(row.upsampler) % len(_MARKERS)]
        axes.plot(row.latency_ms, value, marker=marker, color=colour, markersize=8, alpha=0.8, linestyle="")
    axes.grid(alpha=0.3, which="both")
    axes.margins(0.15)


def _names(rows: Sequence[EfficiencyRow]) -> tuple[list[str], list[str]]:
    return list(dict.fromkeys(row.model for row in rows)), list(dict.fromkeys(row.upsampler for row in rows))


def _handles(rows: Sequence[EfficiencyRow]) -> list[Line2D]:
    models, upsamplers = _names(rows)
    by_colour = [
        Line2D([], [], color=f"C{number % 10}", marker="o", linestyle="", label=name)
        for number, name in enumerate(models)
    ]
    by_marker = [
        Line2D([], [], color="grey", marker=_MARKERS[number % len(_MARKERS)], linestyle="", label=name)
        for number, name in enumerate(upsamplers)
    ]
    return [*by_colour, *by_marker]


def _key(row: EfficiencyRow) -> tuple[str, str, int]:
    return row.model, row.upsampler, row.scale
