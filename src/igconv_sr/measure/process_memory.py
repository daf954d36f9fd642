"""Peak memory of a call, with the processes that it starts."""

import contextlib
import re
import threading
from collections.abc import Callable
from pathlib import Path


def peak_bytes_of_processes(call: Callable[[], object]) -> int:
    """The most memory in bytes, beyond what is held before, that this process and those that it starts hold at once.

    Pages that several of them share count once (proportional set size); the page cache does not count. Looked up every
    few milliseconds, one process after the other: while they start, shared pages may count twice.
    """
    before = peak = _held()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, _held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return peak - before


def _held() -> int:
    children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return sum(map(_proportional_set_size, ["self", *children.split()]))


def _proportional_set_size(process: str) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
        if size := re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE):
            return int(size[1]) * 1024
    return 0
