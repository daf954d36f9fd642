"""A training in processes of its own, started and watched by another process of this package."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self

from igconv_sr.commands.config import RUN_VARIABLE

ERROR_PREFIX = "igconv-sr: "
"""What stands in front of the one line that a command says about a mistake."""


class TrainingProcess:
    """``igconv-sr train``, with all its ranks in one process group, so that they end together.

    While it runs, Ctrl-C and SIGTERM are passed on to it; it then saves its state and ends. So is SIGUSR1, after which
    it ends as if its last step had come.

    Args:
        overrides: What it is given.
        log: What it prints is appended there; None: it prints where this process does.
        lock: Descriptor of a lock that it is to hold too: where this process is killed and the training lives on,
            nobody else starts it again.
    """

    def __init__(self, overrides: Sequence[str], log: Path | None = None, lock: int | None = None) -> None:
        self.command = [sys.executable, "-m", "igconv_sr", "train", *overrides]
        self.log, self.lock = log, lock
        self.received = 0
        """The last signal passed on, if there was one."""
        self._process: subprocess.Popen[bytes] | None = None
        self._start_of_log = 0
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Starts it."""
        self._cleanup.enter_context(_handling(self._pass_on))
        log = None if self.log is None else self._cleanup.enter_context(self.log.open("ab"))
        self._start_of_log = 0 if log is None else log.tell()
        if self.lock is not None:
            os.set_inheritable(self.lock, True)
        self._process = subprocess.Popen(  # noqa: S603 (our own command)
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=None if log is None else subprocess.STDOUT,
            env=_environment(),
            close_fds=False,  # what is not a lock does not outlive an exec anyway
            process_group=0,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves no process behind: a rank whose first one is gone would wait for ever."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._cleanup.close()

    def wait(self, each_second: Callable[[], None] = lambda: None) -> int:
        """Waits for its end.

        Args:
            each_second: Called meanwhile.

        Returns:
            The exit status, or minus the signal that ended it.
        """
        assert self._process is not None
        if self.received:  # before there was a process to pass it on to
            self._pass_on(self.received, None)
        while True:
            try:
                return self._process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                each_second()

    def last_words(self) -> str:
        """What it wrote to its log last: its own line on a mistake, or the last line of a traceback."""
        assert self.log is not None
        with self.log.open("rb") as log:
            log.seek(self._start_of_log)
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        own = [line.removeprefix(ERROR_PREFIX) for line in lines if line.startswith(ERROR_PREFIX)]
        return own[0] if own else next(reversed(lines), "")

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number != signal.SIGUSR1:
            self.received = number
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)


def _environment() -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if key != RUN_VARIABLE}
    if own.get("SLURM_NTASKS") == "1":
        # Slurm has started no other rank: in a job of this name Lightning starts them itself, as on any machine.
        own["SLURM_JOB_NAME"] = "interactive"
    return own


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handles Ctrl-C, SIGTERM and SIGUSR1 by a function; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    }
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
