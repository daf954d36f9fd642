"""Which pictures a command line means, and where each result goes."""

import glob
import os
import shlex
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from igconv_sr.errors import InputError
from igconv_sr.pictures import IMAGE_SUFFIXES
from igconv_sr.system.console import printable
from igconv_sr.system.left_out import Kind, LeftOut

FORMATS = ("png", "jpg", "webp")
"""Formats that are written; the first one unless asked otherwise."""

STREAM = "-"
"""Standard input, standard output."""

_VIDEOS = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v"}

_FORMAT_OF = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp"}


@dataclass(frozen=True)
class Job:
    """One picture.

    Attributes:
        source: The file, or None for standard input.
        target: The file to write, or None for standard output.
        form: One of :data:`FORMATS`.
        problem: Why it cannot be done, or empty.
    """

    source: Path | None
    target: Path | None
    form: str
    problem: str = ""

    @property
    def name(self) -> str:
        """What messages call it; to be made printable."""
        return "standard input" if self.source is None else str(self.source)


class _Source(NamedTuple):
    """A picture that an argument means.

    Attributes:
        text: Its path, or ``-``.
        below: Its folder below the one that was searched.
        problem: Why an argument means no picture, or empty.
        left_out: Of the folder or pattern that found it; None where it was named itself.
    """

    text: str
    below: Path = Path()
    problem: str = ""
    left_out: LeftOut | None = None


class Plan(NamedTuple):
    """What a command line means.

    Attributes:
        jobs: In its order, folders and patterns sorted.
        notices: What of its folders and patterns is not used, a line each.
    """

    jobs: list[Job]
    notices: list[str]


def plan(inputs: Sequence[str], output: str | None, mark: str, form: str | None) -> Plan:
    """What a command line means.

    A folder stands for the image files in it, not in its subfolders; what a folder or a pattern finds and this run
    would itself write is left out, so that the same command can be given twice. What ``**`` finds in subfolders goes
    into the same subfolders of the output. An argument that means nothing is a job with a problem.

    Args:
        inputs: Files, folders, patterns, or ``-``.
        output: A folder, a file for a single picture, ``-``, or None for beside each input.
        mark: What follows the names.
        form: Format of the results, or None for that of the output's name, or PNG.

    Raises:
        InputError: If the output does not fit the inputs, or nothing can be done.
    """
    if "" in (*inputs, output):  # which would be the working directory
        raise InputError("a name is empty, perhaps a variable of the shell that is not set; . is the working directory")
    found: dict[tuple[Path, Path], _Source] = {}
    left_out = {text: LeftOut(text) for text in inputs}
    for text in inputs:
        for source in _expand(text, left_out[text]):
            # However often, and in whatever spelling, a file is named; a linked folder has its own below the output.
            place = Path(STREAM) if source.text == STREAM else _place(Path(source.text))
            found.setdefault((place, Path() if output is None else source.below), source)
    jobs = _writable(_jobs(list(found.values()), output, mark, form))
    if all(job.problem for job in jobs):
        first = next((job for job in jobs if job.problem), None)
        raise InputError("there is nothing to enlarge" if first is None else f"{printable(first.name)} {first.problem}")
    return Plan(jobs, [notice for each in left_out.values() for notice in each.notices()])


def _jobs(found: Sequence[_Source], output: str | None, mark: str, form: str | None) -> list[Job]:
    if output is not None and _is_picture(Path(output)) and not (Path(output).is_dir() or _is_file_name(output)):
        raise InputError(f"-o {output}: results are {', '.join(FORMATS)}; give a file of one of these, or a folder")
    to_file = output is not None and output != STREAM and _is_file_name(output)
    if (to_file or output == STREAM) and len(found) != 1:
        raise InputError(f"-o {output}: {len(found)} pictures do not go into one file; give a folder")
    if output is not None and to_file:
        suffix = _FORMAT_OF[Path(output).suffix.lower()]
        if form not in (None, suffix):
            raise InputError(f"-o {output}: the name says {suffix}, and --format says {form}")
        return [_job(found[0], Path(output), suffix)]
    form = form or FORMATS[0]
    if output == STREAM or (output is None and len(found) == 1 and found[0].text == STREAM):
        return [_job(found[0], None, form)]
    folder = None if output is None else Path(output)
    targets = {_place(_target(each, folder, mark, form, whole)) for each in found for whole in (False, True)}
    kept = []
    for source in found:
        if source.left_out is not None and _place(Path(source.text)) in targets:
            source.left_out.add(Kind.RESULT, Path(source.text).name)
        else:
            kept.append(source)
    return _apart(kept, folder, mark, form)


def _writable(jobs: Sequence[Job]) -> list[Job]:
    """Notes which results could not be written, before anything is computed; folders are not made yet."""
    problems: dict[Path, str] = {}
    for folder in {job.target.parent for job in jobs if job.target is not None}:
        there = next(above for above in (folder, *folder.absolute().parents) if os.path.lexists(above))
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            problems[folder] = error.strerror or str(error)
    return [
        replace(job, problem=f"cannot become {job.target}: {problems[job.target.parent]}")
        if job.target is not None and job.target.parent in problems and not job.problem
        else job
        for job in jobs
    ]


def _expand(text: str, left_out: LeftOut) -> Iterator[_Source]:
    """The files that an argument means, or why none can be had by it."""
    try:
        yield from _listed(text, left_out)
    except OSError as error:  # a folder that must not be looked into, a name that is too long
        yield _Source(text, problem=f"cannot be looked at: {error.strerror}")


def _listed(text: str, left_out: LeftOut) -> Iterator[_Source]:
    path = Path(text)
    if text == STREAM or not path.is_dir():
        if text != STREAM and not path.exists() and glob.has_magic(text):
            yield from _matches(text, left_out)
        else:
            yield _Source(text)
        return
    files = []
    for entry in sorted(path.iterdir()):
        if _is_picture(entry):
            files.append(entry)
        else:
            kind = Kind.HIDDEN if _is_of_system(entry) else Kind.FOLDER if entry.is_dir() else Kind.OTHER
            left_out.add(kind, entry.name)
    if not files:
        beneath = str(path / "**" / "*")
        problem = f"holds no image file; give {beneath!r} for those in its subfolders"
        yield _Source(text, problem=problem)
    yield from (_Source(str(entry), left_out=left_out) for entry in files)


def _matches(pattern: str, left_out: LeftOut) -> Iterator[_Source]:
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    searched = Path(*parts[:fixed])
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    files = [match for match in matches if not match.is_dir() and not _is_of_system(match)]
    for match in matches:
        if _is_of_system(match):
            left_out.add(Kind.HIDDEN, str(match.relative_to(searched)))
    if not files:
        yield _Source(pattern, problem="matches no file")
    for file in files:
        yield _Source(str(file), below=file.parent.relative_to(searched), left_out=left_out)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not _is_of_system(path)


def _is_of_system(path: Path) -> bool:
    return path.name.startswith("._") or path.name in ("Thumbs.db", ".DS_Store", "desktop.ini")


def _is_file_name(output: str) -> bool:
    return Path(output).suffix.lower() in _FORMAT_OF and not Path(output).is_dir()


def _job(source: _Source, target: Path | None, form: str) -> Job:
    path = None if source.text == STREAM else Path(source.text)
    problem = source.problem
    if path is not None and not problem and not path.exists():
        name, equals, value = source.text.partition("=")
        problem = f"does not exist; options are given as --{name} {value}" if equals else "does not exist"
    elif path is not None and not problem and not (path.is_file() or path.is_dir()):
        problem = "is a pipe or a device, no file; - reads what is redirected to standard input"
    elif path is not None and path.suffix.lower() in _VIDEOS:
        frames = f"ffmpeg -i {shlex.quote(path.name)} frames/%06d.png"
        problem = f"is a video: take its pictures out ({frames}) and enlarge their folder"
    return Job(path, target, form, problem)


def _target(source: _Source, folder: Path | None, mark: str, form: str, whole_name: bool) -> Path:
    path = Path("stdin" if source.text == STREAM else source.text)
    where = path.parent if folder is None else folder / source.below
    return where / f"{path.name if whole_name else path.stem}_{mark}.{form}"


def _place(path: Path) -> Path:
    """The same for all spellings of a path, by way of whatever folders; a file that is a link stays one of its own."""
    return path.parent.resolve() / path.name


def _apart(found: Sequence[_Source], folder: Path | None, mark: str, form: str) -> list[Job]:
    """Results of inputs that differ in their suffix alone keep it: ``a.jpg_x3.png``; other clashes are problems."""
    targets = [_target(source, folder, mark, form, whole_name=False) for source in found]
    counts = Counter(map(_place, targets))
    taken: dict[Path, Job] = {}
    jobs = []
    for source, target in zip(found, targets, strict=True):
        if counts[_place(target)] > 1:
            target = _target(source, folder, mark, form, whole_name=True)
        job = _job(source, target, form)
        if _place(target) in taken:
            other = taken[_place(target)].name
            job = replace(job, problem=f"would be written to the same file as {other}; give another -o")
        taken.setdefault(_place(target), job)
        jobs.append(job)
    return jobs
