"""Files that are whole or not there."""

import errno
from pathlib import Path

import pytest

from igconv_sr.system.files import replacing


def _fill(path: Path) -> None:
    """/dev/full refuses each write as a full disk does, without a name."""
    with replacing(path) as partial:
        partial.symlink_to("/dev/full")
        partial.write_bytes(b"after")


def _write(path: Path) -> None:
    with replacing(path) as partial:
        partial.write_bytes(b"after")


def test_a_full_disk_is_told_with_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    path.write_text("before")
    with pytest.raises(OSError, match=r"last\.ckpt") as caught:
        _fill(path)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("last.ckpt", "before")]


def test_a_temporary_name_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    path.mkdir()
    with pytest.raises(OSError, match=r"last\.ckpt") as caught:
        _write(path)
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path]
