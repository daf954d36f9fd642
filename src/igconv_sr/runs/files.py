"""Reads the files of runs and writes their tables; a damaged one is named with its line, by one sentence whoever reads
it.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from igconv_sr.errors import InputError
from igconv_sr.system.files import replacing

Row = Mapping[str, str]

_MEND = "the file is damaged: write it anew, or leave its run out"


class Line(NamedTuple):
    """A row of a CSV file.

    Attributes:
        number: Its line.
        row: Its values by column.
    """

    number: int
    row: Row


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a table, whole or not at all; None stays empty."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def read_csv(path: Path, needed: Sequence[str], numbers: Sequence[str], optional: Sequence[str] = ()) -> list[Line]:
    """Reads a table.

    Args:
        path: The file.
        needed: Columns that it must have.
        numbers: Columns whose values must be numbers.
        optional: Columns whose values must be numbers where they are not empty.

    Raises:
        InputError: If it is damaged.
    """
    lines = list(_lines(path))
    if not lines:
        raise InputError(f"{path}, line 1: the file is empty; {_MEND}")
    _, head = lines[0]
    if missing := [name for name in needed if name not in head]:
        raise InputError(f"{path}, line 1: there is no column {', '.join(missing)}; {_MEND}")
    found = []
    for number, values in lines[1:]:
        if len(values) != len(head):
            raise InputError(f"{path}, line {number}: {len(values)} values for {len(head)} columns; {_MEND}")
        row = dict(zip(head, values, strict=True))
        for name in (*numbers, *(name for name in optional if row.get(name))):
            if not _is_number(row[name]):
                raise InputError(f"{path}, line {number}: {name} is {row[name]!r}, not a number; {_MEND}")
        found.append(Line(number, row))
    return found


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        for values in reader:
            if values:
                yield reader.line_num, values
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}; {_MEND}") from error


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: this is no text in UTF-8; {_MEND}") from error


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        InputError: If it is none.
    """
    try:
        found = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg}; {_MEND}") from error
    return _object(found, path)


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping.

    Raises:
        InputError: If it is none.
    """
    try:
        found = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{where}: {getattr(error, 'problem', error)}; {_MEND}") from error
    return _object(found, path)


def _object(found: Any, path: Path) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InputError(f"{path}, line 1: this holds no names with values; {_MEND}")
    return found
