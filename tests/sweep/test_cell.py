"""What cell.json says, and that nobody is believed who is gone."""

import json
from pathlib import Path

import pytest

from igconv_sr.errors import InputError
from igconv_sr.sweep.cell import FILE_NAME, LOCK, Cell, read_cells
from igconv_sr.system.lock import alone


def test_a_cell_reads_back_as_written_with_the_agreed_keys(tmp_path: Path) -> None:
    cell = Cell("edsr-igconv-x2-seed0", "abc", ["model=edsr"], "failed", "no such file", "2026-01-01", "2026-01-02")
    cell.write(tmp_path)
    assert Cell.read(tmp_path) == cell
    keys = {"name", "hash", "overrides", "state", "reason", "started", "ended"}
    assert json.loads((tmp_path / FILE_NAME).read_text()).keys() == keys
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_running_cell_whose_lock_is_free_is_interrupted(tmp_path: Path) -> None:
    Cell("a", "abc", [], "running").write(tmp_path)
    with alone(tmp_path / LOCK):
        assert Cell.read(tmp_path).state == "running"
    assert Cell.read(tmp_path).state == "interrupted"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / FILE_NAME).write_text('{"name": "a"')
    with pytest.raises(InputError, match=r"one/cell\.json.*is damaged"):
        read_cells(tmp_path)
