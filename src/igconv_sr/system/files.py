"""Files that are whole or not there."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a write fails with, without a name."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside ``path``; renames it on success, removes it on any failure.

    Raises:
        OSError: As the system says, but about ``path``, since the temporary name means nothing to a user.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.filename == str(partial) or (error.filename is None and error.errno in _OF_DISKS):
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)
