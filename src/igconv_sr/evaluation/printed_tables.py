"""The tables that a training or an evaluation prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from igconv_sr.system.console import light_table, table_console

if TYPE_CHECKING:
    from igconv_sr.metrics import Score

MEASURE_NAMES = {
    "psnr_y": "PSNR Y",
    "ssim_y": "SSIM Y",
    "psnr_rgb": "PSNR RGB",
    "ssim_rgb": "SSIM RGB",
    "lpips": "LPIPS",
    "dists": "DISTS",
}
"""What headings call the columns of results."""


def print_scores(title: str, protocol: str, scores: Sequence["Score"]) -> None:
    """Prints the means per benchmark and scale of one model by one protocol.

    Args:
        title: Name of the model.
        protocol: Its name with the marks that were asked for; rows by another one say so.
        scores: All hold the same values.
    """
    formats = {name: ".2f" if name.startswith("psnr") else ".4f" for name in MEASURE_NAMES if name in scores[0].values}
    rows = [
        [*_cell_names(score, protocol), *(format(score.values[name], form) for name, form in formats.items())]
        for score in scores
    ]
    headings = ["benchmark", "images", "scale", *(MEASURE_NAMES[name] for name in formats)]
    print_table(f"{title}, protocol {protocol}", headings, rows)


def print_gains(name: str, protocol: str, scores: Sequence["Score"], bicubic: Sequence["Score"]) -> None:
    """Prints PSNR and SSIM on luma per benchmark and scale beside those of bicubic.

    Args:
        name: Of the model, for the title.
        protocol: As of :func:`print_scores`.
        scores: Of the model.
        bicubic: Of bicubic enlargement, in the same order.
    """
    rows = [
        [
            *_cell_names(ours, protocol),
            _pair(plain),
            _pair(ours),
            f"{ours.values['psnr_y'] - plain.values['psnr_y']:+.2f} dB",
        ]
        for ours, plain in zip(scores, bicubic, strict=True)
    ]
    headings = ["benchmark", "images", "scale", "bicubic", "model", "gain"]
    print_table(f"{name}: PSNR (dB) / SSIM on luma, protocol {protocol}", headings, rows)


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table; its first column is text, the others are numbers."""
    table = light_table()
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console = table_console()
    console.print(title, style="bold", soft_wrap=True, highlight=False)
    console.print(table)


def _cell_names(score: "Score", protocol: str) -> list[str]:
    other = "" if score.protocol == protocol else f", {score.protocol}"
    return [score.benchmark + other, str(score.images), f"×{score.scale:g}"]


def _pair(score: "Score") -> str:
    return f"{score.values['psnr_y']:.2f} / {score.values['ssim_y']:.4f}"
