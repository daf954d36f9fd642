"""What an analysis writes and prints in the end."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from igconv_sr.system.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: "Figure", path: Path) -> None:
    """Writes a figure as PNG and, beside it, as PDF; the same figure gives the same files.

    Args:
        figure: Made without pyplot.
        path: Of the PNG.
    """
    import matplotlib as mpl

    # Text stays text in the PDF; without a date in it.
    with mpl.rc_context({"savefig.dpi": 160, "pdf.fonttype": 42}):
        for kind, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
            with replacing(path.with_suffix(f".{kind}")) as partial:
                figure.savefig(partial, format=kind, metadata=metadata)


def print_files(files: Iterable[tuple[str, Path]], folder: Path) -> None:
    """Ends a command's output: what the user reads, and the folder."""
    for title, path in files:
        print(f"{title:<9} {path}")
    print(f"Results in {folder}")
