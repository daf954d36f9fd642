"""What is printed, and what of the libraries' chatter is not."""

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_TOLERATED = (
    (r".*isinstance\(treespec, LeafSpec\).*", "Lightning 2.6 calls a deprecated function of torch"),
    (r".*does not have many workers.*", "cutting crops takes milliseconds; 0 or 2 workers are enough"),
    (r"Image size .* exceeds limit.*", "Pillow warns at half the size that it, and therefore we, refuse"),
    (r"Checkpoint directory .* exists and is not empty.*", "a training that is continued goes on in its folder"),
    (r".*was not set, defaulting to.*", "trainer.test is given a module, not a file"),
)


def quieten() -> None:
    """Hides Lightning's notes on devices and tips, and the warnings listed above; all others are shown."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message, _reason in _TOLERATED:
        warnings.filterwarnings("ignore", message=message)


def is_first_rank() -> bool:
    """Whether this process speaks for all ranks; one that has not imported Lightning, which takes seconds, is alone."""
    lightning = sys.modules.get("lightning.pytorch.utilities")
    return lightning is None or getattr(lightning.rank_zero_only, "rank", 0) == 0


def say(line: str) -> None:
    """Prints a line, once for all ranks."""
    if is_first_rank():
        print(line, flush=True)


def table_console() -> "Console":
    """Where tables are printed: names in them may hold [brackets] and :colons:, which rich would take for its own."""
    from rich.console import Console

    console = Console(markup=False, emoji=False)
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Console(width=120, markup=False, emoji=False)  # a log or a pipe has no width of its own


def light_table() -> "Table":
    """A table without columns as yet; its one line is below the headings, so that much fits into 80 columns."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))


def printable(text: str) -> str:
    r"""Text that a terminal shows in one line and obeys in nothing: other characters as their escapes.

    Example:
        >>> printable("a\nb\x1b[31m été")
        'a\\nb\\x1b[31m été'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
