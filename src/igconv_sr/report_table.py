"""The table that a training or an evaluation prints."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from igconv_sr.metrics import Score


def print_scores(name: str, scores: Sequence[Score], bicubic: Sequence[Score] | None) -> None:
    """Prints PSNR and SSIM per benchmark and scale, beside bicubic where that is given.

    Args:
        name: Of the model, for the header.
        scores: Of the model.
        bicubic: Of bicubic enlargement, in the same order.
    """
    table = Table(title=f"{name}: PSNR (dB) / SSIM on luma", title_justify="left")
    for column in ("benchmark", "images", "scale", *(("bicubic", name, "gain") if bicubic else (name,))):
        table.add_column(column, justify="left" if column == "benchmark" else "right")
    for index, score in enumerate(scores):
        cells = [score.benchmark, str(score.images), f"×{score.scale}"]
        if bicubic:
            gain = score.psnr_y - bicubic[index].psnr_y
            cells += [_cell(bicubic[index]), _cell(score), f"{gain:+.2f} dB"]
        else:
            cells.append(_cell(score))
        table.add_row(*cells)
    # Unlike a terminal, a log or a pipe has no width of its own to fit into.
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)


def _cell(score: Score) -> str:
    return f"{score.psnr_y:.2f} / {score.ssim_y:.4f}"
