"""What a run tells its user: lines, a progress bar, and at the end what failed."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from igconv_sr.system.console import printable


class Messages:
    """Lines and a progress bar.

    Args:
        pictures: How many there are.
        to_stderr: Whether standard output is for the picture.
        quiet: Print nothing.
    """

    def __init__(self, pictures: int, to_stderr: bool, quiet: bool = False) -> None:
        self._console = Console(stderr=to_stderr, quiet=quiet, highlight=False, markup=False, soft_wrap=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._pictures = self._progress.add_task("Pictures", total=pictures)
        self._tiles = self._progress.add_task("Current", total=1.0, visible=False)
        self.written = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self._progress.console.print(Text(printable(line)), soft_wrap=True)

    def done(self, line: str) -> None:
        """A picture is written."""
        self.written += 1
        self.say(line)
        self._progress.advance(self._pictures)

    def failed(self, line: str) -> None:
        """A picture is not; told at the end."""
        self.failures.append(line)
        self._progress.advance(self._pictures)

    def tile(self, share: float) -> None:
        """A part of the current picture is computed; a single one needs no bar of its own."""
        task = self._progress.tasks[1]
        finished = task.completed + share >= 1 - 1e-6
        self._progress.update(self._tiles, completed=0 if finished else task.completed + share, visible=not finished)

    def summary(self) -> None:
        """How many there were, and each failure."""
        self.say(f"{self.written} picture{'' if self.written == 1 else 's'} written, {len(self.failures)} failed")
        for line in self.failures:
            self.say(f"  failed: {line}")
