"""What the report is made of, whatever it is written as."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Heading(NamedTuple):
    """The heading of a column.

    Attributes:
        name: Of the column.
        group: What neighbouring columns share; empty for none.
        number: Whether numbers stand below it.
    """

    name: str
    group: str = ""
    number: bool = True


class Mark(NamedTuple):
    """What a row of a table and a point of a figure have in common.

    Attributes:
        glyph: The point's shape as a character.
        colour: As ``#rrggbb``.
        figure: Name of the picture that has the point.
    """

    glyph: str
    colour: str
    figure: str = ""


class TableCell(NamedTuple):
    """A cell of a table.

    Attributes:
        text: As shown.
        rank: 1 for the best of the column, 2 for the second, 0 otherwise.
        note: Shown smaller, below.
        mark: Shown before the text.
    """

    text: str
    rank: int = 0
    note: str = ""
    mark: Mark | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: What is compared, and on what.
        headings: Of the columns.
        rows: As many cells as headings.
        note: How to read it; may be empty.
        anchor: Its name in links; may be empty.
    """

    title: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[TableCell]]
    note: str = ""
    anchor: str = ""

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Names of the groups of columns with their widths, from the left."""
        found: list[tuple[str, int]] = []
        for heading in self.headings:
            if found and heading.group and found[-1][0] == heading.group:
                found[-1] = (heading.group, found[-1][1] + 1)
            else:
                found.append((heading.group, 1))
        return found


@dataclass(frozen=True)
class ReportFigure:
    """A figure, as ``figures/NAME.png`` and ``figures/NAME.pdf``.

    Attributes:
        name: Of its files.
        caption: What it shows.
        alt: What it shows, for those who cannot see it.
        png: The picture.
        pdf: The same.
        parts: For cut-outs: each with its caption, so that a page can put them side by side as it has room.
        narrow: The same for narrow screens; may be empty.
        table: Anchor of the table whose rows are its points; may be empty.
    """

    name: str
    caption: str
    alt: str
    png: bytes
    pdf: bytes
    parts: Sequence[tuple[str, bytes]] = ()
    narrow: bytes = b""
    table: str = ""


@dataclass
class Section:
    """A part of the report with a heading.

    Attributes:
        title: The heading.
        anchor: Its name in links.
        text: Paragraphs before the rest.
        tables: Tables.
        pictures: Figures.
        items: A list after them.
    """

    title: str
    anchor: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[ReportFigure] = field(default_factory=list)
    items: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.tables or self.pictures or self.items)


@dataclass(frozen=True)
class Report:
    """The whole.

    Attributes:
        facts: Name and value, above everything else.
        sections: In the order of reading.
    """

    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    @property
    def pictures(self) -> list[ReportFigure]:
        """All figures."""
        return [picture for section in self.sections for picture in section.pictures]
