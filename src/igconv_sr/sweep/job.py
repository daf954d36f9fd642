"""What Hydra's launcher runs for each cell: a training in processes of its own, continued where it stopped."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any

from omegaconf import DictConfig

from igconv_sr.config import RUN_VARIABLE, quoted
from igconv_sr.lock import exclusive
from igconv_sr.sweep.cell import Cell, now
from igconv_sr.sweep.progress import Progress, ProgressLine
from igconv_sr.sweep.scores import scored_on, summary

LOG = "train.log"
_PREFIX = "igconv-sr: "
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_cell(config: DictConfig) -> None:
    """Trains a cell, unless another process has finished it meanwhile. A failure is noted in ``cell.json``.

    Raises:
        SystemExit: If a signal asked for the end; the training has then saved its state.
    """
    folder = Path(config.paths.output_dir)
    name = Cell.read(folder).name
    with exclusive(folder, f"training {name}") as lock:
        cell = Cell.read(folder)
        if cell.state == "finished" and scored_on(folder, config.benchmarks):
            return
        cell = cell.write(folder, state="running", reason="", started=cell.started or now(), ended="")
        print(f"{cell.name}: {'continues' if _is_begun(folder) else 'starts'}, log in {folder / LOG}", flush=True)
        begin = time.monotonic()
        with _Training(cell, folder, lock) as training:
            training.wait()
        cell = cell.write(folder, ended=now(), **training.outcome())
    what = summary(folder) if cell.state == "finished" else cell.reason
    print(f"{cell.name}: {cell.state} after {Progress.duration(time.monotonic() - begin)}: {what}", flush=True)
    if training.received:
        raise SystemExit(128 + training.received)


def _is_begun(folder: Path) -> bool:
    return (folder / "checkpoints" / "last.ckpt").is_file()


class _Training:
    """The processes of one training, in a process group of their own, so that they end together.

    Args:
        cell: What to train.
        folder: Of the cell.
        lock: Descriptor of the cell's lock, which the training holds too: where this process is killed and the
            training lives on, nobody else starts it again.
    """

    def __init__(self, cell: Cell, folder: Path, lock: int) -> None:
        self.name, self.folder, self.lock = cell.name, folder, lock
        resume = ["ckpt_path=last"] if _is_begun(folder) else []
        output = f"paths.output_dir={quoted(str(folder))}"
        self.command = [sys.executable, "-m", "igconv_sr", "train", *cell.overrides, output, *resume]
        self.received = 0
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "_Training":
        """Starts the training; signals are from here on passed to it."""
        self._cleanup.enter_context(_handling(self._pass_on))
        self._log: IO[bytes] = self._cleanup.enter_context((self.folder / LOG).open("ab"))
        self._start_of_log = self._log.tell()
        environment = {key: value for key, value in os.environ.items() if key != RUN_VARIABLE}
        self.process = subprocess.Popen(  # noqa: S603 (our own command)
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(self.lock,),
            process_group=0,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves no process behind: a rank whose first one is gone would wait for ever."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._cleanup.close()

    def wait(self) -> None:
        """Shows how far the training is, until it ends."""
        if self.received:  # before there was a process to pass it on to
            self._pass_on(self.received, None)
        with ProgressLine(self.name) as line:
            while True:
                try:
                    self.process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    line.show(Progress.read(self.folder))
                else:
                    return

    def outcome(self) -> dict[str, Any]:
        """The cell's new state and the reason, if it is not finished."""
        status = self.process.returncode
        if status == 0:
            return {"state": "finished", "reason": ""}
        if self.received:
            return {"state": "interrupted", "reason": f"stopped by {signal.Signals(self.received).name}"}
        if -status in _FROM_OUTSIDE:
            hint = ", by hand or because memory ran out" if -status == signal.SIGKILL else ""
            return {"state": "interrupted", "reason": f"killed by {signal.Signals(-status).name}{hint}"}
        return {"state": "failed", "reason": self._last_words() or f"ended with status {status}"}

    def _last_words(self) -> str:
        """What the training said last: its own line on an error, or the last line of a traceback."""
        with (self.folder / LOG).open("rb") as log:
            log.seek(self._start_of_log)
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        own = [line.removeprefix(_PREFIX) for line in lines if line.startswith(_PREFIX)]
        return own[0] if own else next(iter(reversed(lines)), "")

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received = number
        if hasattr(self, "process") and self.process.poll() is None:
            os.killpg(self.process.pid, number)


@contextlib.contextmanager
def _handling(handler: Any) -> Iterator[None]:
    """Handles Ctrl-C and SIGTERM by a function; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
