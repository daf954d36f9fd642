"""Tables of results: printed, and written as CSV and Markdown."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from igconv_sr.system.files import replacing


class Results(NamedTuple):
    """A table.

    Attributes:
        name: Of its files.
        title: What the numbers are and how they were taken.
        rows: Column by column; numbers with their unit in the column's name.
    """

    name: str
    title: str
    rows: Sequence[Mapping[str, str]]

    def print(self) -> None:
        """Shows the table."""
        table = Table(title=self.title, title_justify="left")
        for index, column in enumerate(self.rows[0]):
            table.add_column(column, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row.values())
        Console().print(table)

    def write(self, folder: Path) -> None:
        """Writes ``name.csv`` and ``name.md``."""
        with replacing(folder / f"{self.name}.csv") as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        columns = list(self.rows[0])
        lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *(list(row.values()) for row in self.rows)]
        text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        with replacing(folder / f"{self.name}.md") as partial:
            partial.write_text(f"{self.title}\n\n{text}\n", encoding="utf-8")
