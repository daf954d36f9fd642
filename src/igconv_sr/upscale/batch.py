"""Enlarging many pictures: reading ahead and writing behind overlap with the network."""

import contextlib
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Queue
from typing import IO

import torch

from igconv_sr.errors import InputError
from igconv_sr.functional.paired_size import output_size
from igconv_sr.inference.enlargement import Enlargement
from igconv_sr.inference.upscaler import Upscaler
from igconv_sr.pictures.png import Pixels
from igconv_sr.pictures.reading import Picture, read_picture, read_stream
from igconv_sr.pictures.writing import blank, check_format, open_writer, resized
from igconv_sr.system.files import replacing
from igconv_sr.upscale.messages import Messages
from igconv_sr.upscale.planning import Job

_READ_AHEAD = 2
"""Pictures."""

_LARGE = 64 * 2**20
"""Bytes of a result that others do not wait beside for being written."""

_Bands = Queue["Pixels | BaseException | None"]
"""Parts of a picture; at its end None, or why it ends early."""


@dataclass(frozen=True)
class _Task:
    """A picture that has been read, and what it becomes."""

    job: Job
    picture: Picture
    size: tuple[int, int]
    started: float


class BatchUpscaling:
    """Works through jobs; what fails is told at the end, and the rest is done.

    Args:
        upscaler: The engine.
        enlargement: What is asked for.
        messages: Is told what happens.
        overwrite: Whether files that exist are replaced.
    """

    def __init__(self, upscaler: Upscaler, enlargement: Enlargement, messages: Messages, overwrite: bool) -> None:
        self.upscaler, self.enlargement, self.messages, self.overwrite = upscaler, enlargement, messages, overwrite
        self._writing: deque[tuple[_Task, Future[None]]] = deque()

    def run(self, jobs: Sequence[Job]) -> None:
        """Enlarges all pictures; reports each."""
        writers = os.cpu_count() or 1
        with ThreadPoolExecutor(_READ_AHEAD) as reading, ThreadPoolExecutor(writers) as writing:
            for job, read in _ahead(reading, jobs):
                with self._reporting(job):
                    task = self._check(job, read())
                    large = task.size[0] * task.size[1] * task.picture.pixels[0, 0].nbytes > _LARGE
                    self._collect(0 if large else writers - 1)
                    self._enlarge(task, writing)
            self._collect(0)

    def _check(self, job: Job, picture: Picture) -> _Task:
        started = time.perf_counter()
        _, size = self.enlargement.of(*picture.pixels.shape[:2])
        check_format(job.form, size, picture)
        self._check_target(job)
        if job.target is not None:
            job.target.parent.mkdir(parents=True, exist_ok=True)
        return _Task(job, picture, size, started)

    def _check_target(self, job: Job) -> None:
        if job.target is not None and os.path.lexists(job.target) and not self.overwrite:
            raise InputError(f"{job.target} exists already; give --overwrite, --skip-existing or another -o")

    def _enlarge(self, task: _Task, writing: ThreadPoolExecutor) -> None:
        bands: _Bands = Queue(maxsize=1)
        self._writing.append((task, writing.submit(self._write, task, bands)))
        try:
            for band in self._bands(task):
                bands.put(band)
            bands.put(None)
        except BaseException as error:
            bands.put(error)
            if not isinstance(error, Exception):
                raise

    def _bands(self, task: _Task) -> Iterator[Pixels]:
        pixels, (height, width) = torch.from_numpy(task.picture.pixels), task.size
        scale, _ = self.enlargement.of(*pixels.shape[:2])
        computed = self.upscaler.prepare(scale).scale
        bands = (band.numpy() for band in self.upscaler.bands(pixels, scale, self.messages.tile))
        made = output_size(pixels.shape[0], pixels.shape[1], computed)
        if made == (height, width):
            yield from bands
            return
        folder = Path(tempfile.gettempdir()) if task.job.target is None else task.job.target.parent
        whole: Pixels = blank((*made, pixels.shape[2]), task.picture.pixels.dtype, folder)  # type: ignore[assignment]
        row = 0
        for band in bands:
            whole[row : row + band.shape[0]] = band
            row += band.shape[0]
        yield resized(whole, (height, width))

    def _write(self, task: _Task, bands: _Bands) -> None:
        rows = _until_the_end(bands)
        try:
            with self._output(task.job) as (file, folder):
                picture = task.picture
                writer = open_writer(
                    file, task.job.form, task.size, picture.pixels, picture.icc_profile, picture.exif, folder
                )
                for band in rows:
                    writer.write(band)
                writer.close()
        finally:
            # Whoever fills the queue must not wait for ever.
            with contextlib.suppress(BaseException):
                deque(rows, maxlen=0)

    @contextlib.contextmanager
    def _output(self, job: Job) -> Iterator[tuple[IO[bytes], Path]]:
        if job.target is None:
            with tempfile.TemporaryFile() as file:
                yield file, Path(tempfile.gettempdir())
                file.seek(0)
                for part in iter(lambda: file.read(2**20), b""):
                    sys.stdout.buffer.write(part)
                sys.stdout.buffer.flush()
            return
        with replacing(job.target) as unfinished:
            with unfinished.open("wb") as file:
                yield file, job.target.parent
            self._check_target(job)

    def _collect(self, remaining: int) -> None:
        """Waits until only so many pictures are still being written, and reports those that are."""
        while self._writing and (len(self._writing) > remaining or self._writing[0][1].done()):
            task, future = self._writing.popleft()
            with self._reporting(task.job):
                future.result()
                before, after = task.picture.pixels.shape, task.size
                target = "standard output" if task.job.target is None else str(task.job.target)
                remark = f" ({task.picture.remark})" if task.picture.remark else ""
                seconds = time.perf_counter() - task.started
                sizes = f"{before[1]}×{before[0]} to {after[1]}×{after[0]}"
                self.messages.done(f"{task.job.name}{remark}: {sizes} in {seconds:.1f} s, {target}")

    @contextlib.contextmanager
    def _reporting(self, job: Job) -> Iterator[None]:
        try:
            yield
        except (InputError, OSError, MemoryError, RuntimeError) as error:
            self.messages.failed(_line(job.name, error))


def _line(name: str, error: Exception) -> str:
    reason = str(error).partition("\n")[0]
    if isinstance(error, OSError) and error.strerror:
        reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return reason if reason.startswith(f"{name} ") else f"{name}: {reason or type(error).__name__}"


def _ahead(pool: ThreadPoolExecutor, jobs: Sequence[Job]) -> Iterator[tuple[Job, Callable[[], Picture]]]:
    """Each job with what gives its picture, which a thread reads while earlier ones are worked on."""

    def begin(job: Job) -> tuple[Job, Callable[[], Picture]]:
        # A thread that waits for a stream cannot be interrupted.
        return job, partial(_read, job) if job.source is None else pool.submit(_read, job).result

    waiting = iter(jobs)
    reading = deque(begin(job) for _, job in zip(range(_READ_AHEAD), waiting, strict=False))
    while reading:
        yield reading.popleft()
        if (job := next(waiting, None)) is not None:
            reading.append(begin(job))


def _read(job: Job) -> Picture:
    if job.problem:
        raise InputError(job.problem)
    if job.source is not None:
        return read_picture(job.source, job.name)
    return read_stream(sys.stdin.buffer, job.name)


def _until_the_end(bands: _Bands) -> Iterator[Pixels]:
    """The parts of a picture until it ends, well or not."""
    while (band := bands.get()) is not None:
        if isinstance(band, BaseException):
            raise band
        yield band
