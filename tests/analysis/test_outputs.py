"""Files of the analyses: repeatable, whole or not there at all."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from igconv_sr.analysis.outputs import save_figure, write_table
from igconv_sr.analysis.scale_curve import CurveRow


def test_the_same_figure_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        figure = Figure(figsize=(2, 2), layout="constrained")
        figure.subplots().plot([1, 2], [3, 4])
        save_figure(figure, tmp_path / name / "figure.png")
    for name in ("figure.png", "figure.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["figure.pdf", "figure.png"]


def test_a_table_that_breaks_off_leaves_the_one_before(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    row = CurveRow("a, b", "Zoo", 2.5, False, 1, 0.1 + 0.2, 1, "standard", "", "c")
    write_table([row], CurveRow._fields, table)
    before = table.read_text()
    assert before.splitlines()[1] == '"a, b",Zoo,2.5,False,1,0.30000000000000004,1,standard,,c'

    def broken():  # type: ignore[no-untyped-def]
        yield row
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_table(broken(), CurveRow._fields, table)
    assert table.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
