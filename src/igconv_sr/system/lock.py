"""One process at a time, whatever happens to the process that holds the lock."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from igconv_sr.system.console import say


@contextlib.contextmanager
def alone(path: Path, waiting: str = "", lend: Callable[[int], None] | None = None) -> Iterator[None]:
    """Makes a file, holds its lock, and removes it in the end.

    The kernel frees the lock when the process ends, however it ends. Its forked workers do not hold it.

    Args:
        path: The file; its folder exists.
        waiting: Said if another process holds the lock, before waiting for it; without it, nobody waits.
        lend: Is given the lock's file descriptor: a program started with it goes on holding the lock.

    Raises:
        BlockingIOError: If another process holds the lock and ``waiting`` is empty.
    """
    lock = FileLock(path, on_acquired=lend)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if not waiting:
            raise BlockingIOError(str(error)) from error
        say(waiting)
        lock.acquire()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before the release: whoever waits for it finds out, and locks another file
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file now; looking makes no file and keeps nobody else from looking."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
