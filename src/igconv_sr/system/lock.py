"""One process at a time for a folder, whatever happens to the process that holds it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_NAME = "lock"


@contextlib.contextmanager
def exclusive(folder: Path, doing: str) -> Iterator[int]:
    """Makes the folder and holds its lock; waits, saying so, while another process does.

    The kernel frees the lock when the processes that have it end, however they end. In the end the lock file is
    removed, and the folder too if nothing else is in it.

    Args:
        folder: Holds the lock file.
        doing: What is done meanwhile, for the message to another process that waits.

    Yields:
        The lock's file descriptor: a child process that inherits it goes on holding the lock.
    """
    path = folder / _NAME
    descriptor = _acquire(path, doing)
    try:
        yield descriptor
    finally:
        path.unlink()
        with contextlib.suppress(OSError):  # something is left to go on from, or another process waits
            folder.rmdir()
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked process that has the descriptor too would go on holding it
        os.close(descriptor)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the lock of a file that it makes and, in the end, removes.

    Unlike that of :func:`exclusive` it ends with this very process: workers of a killed one do not go on holding it.

    Raises:
        BlockingIOError: If another process holds it.
    """
    with path.open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except PermissionError as error:  # what some systems call it
            raise BlockingIOError(*error.args) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_locked(folder: Path) -> bool:
    """Whether a process holds the folder's lock now."""
    try:
        descriptor = os.open(folder / _NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _acquire(path: Path, doing: str) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the process before us has just removed the folder
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is {doing}; waiting until it ends", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is(descriptor, path):
            return descriptor
        os.close(descriptor)  # the process before us has removed this file: it locks nothing any more


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
