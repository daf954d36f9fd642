"""Processes that read image files: decoders hold Python's lock, so threads would take turns."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from igconv_sr.errors import InputError
from igconv_sr.system.console import is_first_rank

_PATIENCE = 2.0
"""Seconds after which progress is shown."""


@contextlib.contextmanager
def worker_pool(limit: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """One process per core; they end with this process, however it ends, and with the first error.

    They are forked as those of a DataLoader are: each would otherwise import torch anew, for seconds.

    Args:
        limit: The most processes; None for as many as there are cores.

    Raises:
        InputError: If a worker was killed from outside.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pool = ProcessPoolExecutor(
        min(cores, limit or cores),
        mp_context=multiprocessing.get_context("fork"),
        initializer=_end_with,
        initargs=(os.getpid(),),
    )
    try:
        yield pool
    except BrokenProcessPool as error:
        raise InputError("a process that reads images was killed, perhaps for lack of memory; repeat it") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with(parent: int) -> None:
    """Ctrl-C is the parent's business, and nobody goes on when it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def progress(what: str, total: int, done: int = 0) -> "tqdm[None]":
    """Counts images, from two seconds on, in one process of all."""
    return tqdm(
        desc=what,
        total=total,
        initial=done,
        unit=" images",
        delay=_PATIENCE,
        mininterval=0.2 if sys.stderr.isatty() else 20,
        disable=not is_first_rank(),
    )
