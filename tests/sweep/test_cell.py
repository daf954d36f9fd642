"""What cell.json says, and that nobody is believed who is gone."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from igconv_sr.errors import InputError
from igconv_sr.sweep.cell import FILE_NAME, Cell, read_cells
from igconv_sr.system.lock import exclusive, is_locked


def test_a_cell_reads_back_as_written_with_the_agreed_keys(tmp_path: Path) -> None:
    cell = Cell("edsr-igconv-x2-seed0", "abc", ["model=edsr"], "failed", "no such file", "2026-01-01", "2026-01-02")
    cell.write(tmp_path)
    assert Cell.read(tmp_path) == cell
    keys = {"name", "hash", "overrides", "state", "reason", "started", "ended"}
    assert json.loads((tmp_path / FILE_NAME).read_text()).keys() == keys
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_running_cell_whose_lock_is_free_is_interrupted(tmp_path: Path) -> None:
    Cell("a", "abc", [], "running").write(tmp_path)
    with exclusive(tmp_path, "training"):
        assert Cell.read(tmp_path).state == "running"
    assert Cell.read(tmp_path).state == "interrupted"


def test_a_child_that_inherits_the_lock_holds_it_alone(tmp_path: Path) -> None:
    """As where a sweep is killed and its training lives on."""
    sleep = [sys.executable, "-c", "input()"]
    code = (
        "import os, subprocess, sys; from pathlib import Path; from igconv_sr.system.lock import exclusive\n"
        f"with exclusive(Path({str(tmp_path)!r}), 'x') as lock:\n"
        f"    subprocess.Popen({sleep!r}, pass_fds=(lock,))\n"
        "    os._exit(0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        assert parent.wait(30) == 0
        assert is_locked(tmp_path)
    deadline = time.monotonic() + 30  # the child ends with its input
    while is_locked(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / FILE_NAME).write_text('{"name": "a"')
    with pytest.raises(InputError, match=r"one/cell\.json.*is damaged"):
        read_cells(tmp_path)
