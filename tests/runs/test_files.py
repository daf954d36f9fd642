"""Tables are whole or not there at all, with every digit."""

from pathlib import Path

import pytest

from igconv_sr.runs.files import write_csv


def test_a_table_that_breaks_off_leaves_the_one_before(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    row, columns = ("a, b", "Bär", 2.5, False, 0.1 + 0.2, None, "c"), list("abcdefg")
    write_csv(table, columns, [row])
    before = table.read_text(encoding="utf-8")
    assert before.splitlines()[1] == '"a, b",Bär,2.5,False,0.30000000000000004,,c'

    def broken():  # type: ignore[no-untyped-def]
        yield row
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_csv(table, columns, broken())
    assert table.read_text(encoding="utf-8") == before
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
