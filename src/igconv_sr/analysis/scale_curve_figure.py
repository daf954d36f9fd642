"""The figure of ``scale-curve``: PSNR over the scale, and the gain over bicubic."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igconv_sr.analysis.rows import BICUBIC, CurveRow


def scale_curve_figure(rows: Sequence[CurveRow]) -> Figure:
    """One column per benchmark: above PSNR, below the gain over bicubic; filled marks are trained scales.

    Args:
        rows: Of bicubic and the models, at the same scales or fewer.
    """
    benchmarks = list(dict.fromkeys(row.benchmark for row in rows))
    models = [model for model in dict.fromkeys(row.model for row in rows) if model != BICUBIC]
    figure = Figure(figsize=(max(4.6 * len(benchmarks), 6), 6.4), layout="constrained")
    axes = figure.subplots(2, len(benchmarks), squeeze=False, sharex="col")
    for column, benchmark in enumerate(benchmarks):
        own = [row for row in rows if row.benchmark == benchmark]
        bicubic = {row.scale: row.psnr_y for row in own if row.model == BICUBIC}
        axes[0, column].plot(*_sorted(bicubic), color="grey", linestyle="--", marker=".", label=BICUBIC)
        axes[1, column].axhline(0, color="grey", linestyle="--")
        for number, model in enumerate(models):
            curve = [row for row in own if row.model == model]
            trained = {row.scale for row in curve if row.trained}
            psnr = {row.scale: row.psnr_y for row in curve}
            gain = {scale: value - bicubic[scale] for scale, value in psnr.items()}
            _draw(axes[0, column], psnr, trained, f"C{number % 10}", model)
            _draw(axes[1, column], gain, trained, f"C{number % 10}", model)
        axes[0, column].set_title(benchmark)
        axes[1, column].set_xlabel("scale")
        for axis in axes[:, column]:
            axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("PSNR on luma, dB")
    axes[1, 0].set_ylabel("gain over bicubic, dB")
    axes[0, 0].legend(fontsize=9, title="filled: trained scale", title_fontsize=9)
    return figure


def _draw(axes: Axes, values: dict[float, float], trained: set[float], colour: str, label: str) -> None:
    scales, heights = _sorted(values)
    axes.plot(scales, heights, color=colour, marker="o", markerfacecolor="white", label=label)
    marked = {scale: value for scale, value in values.items() if scale in trained}
    axes.plot(*_sorted(marked), color=colour, marker="o", linestyle="")


def _sorted(values: dict[float, float]) -> tuple[list[float], list[float]]:
    scales = sorted(values)
    return scales, [values[scale] for scale in scales]
