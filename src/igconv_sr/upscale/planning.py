"""Which pictures a command line means, and where each result goes."""

import glob
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from igconv_sr.errors import InputError

FORMATS = ("png", "jpg", "webp")
"""That are written; the first one unless asked otherwise."""

STREAM = "-"
"""Standard input, standard output."""

_SUFFIXES = {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
"""Of the files of a folder that are taken."""

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


def plan(inputs: Sequence[str], output: str | None, mark: str, form: str | None) -> list[Job]:
    """The jobs of a command line, in its order, folders and patterns sorted.

    A folder stands for the image files in it, not in its subfolders; what a folder or a pattern finds and this run
    would itself write is left out, so that the same command can be given twice.

    Args:
        inputs: Files, folders, patterns, or ``-``.
        output: A folder, a file for a single picture, ``-``, or None for beside each input.
        mark: What follows the names.
        form: Format of the results, or None for that of the output's name, or PNG.

    Raises:
        InputError: If the output does not fit the inputs.
    """
    found = list(dict.fromkeys(source for text in inputs for source in _expand(text)))
    to_file = output is not None and output != STREAM and _is_file_name(output)
    if (to_file or output == STREAM) and len(found) != 1:
        raise InputError(f"-o {output}: {len(found)} pictures do not go into one file; give a folder")
    if output is not None and to_file:
        suffix = _FORMAT_OF[Path(output).suffix.lower()]
        if form not in (None, suffix):
            raise InputError(f"-o {output}: the name says {suffix}, and --format says {form}")
        return [_job(found[0], Path(output), suffix)]
    form = form or FORMATS[0]
    if output == STREAM or (output is None and found[0][0] == STREAM and len(found) == 1):
        return [_job(found[0], None, form)]
    folder = None if output is None else Path(output)
    jobs = [_job(source, _target(source[0], folder, mark, form, whole_name=False), form) for source in found]
    targets = {job.target for job in jobs}
    kept = [(job, source) for job, source in zip(jobs, found, strict=True) if source[1] or job.source not in targets]
    return _apart(kept, folder, mark)


def _expand(text: str) -> Iterator[tuple[str, bool]]:
    """The files that an argument means, each with whether it was named itself."""
    path = Path(text)
    if text == STREAM or not path.is_dir():
        if text != STREAM and not path.exists() and glob.has_magic(text):
            matches = sorted(match for match in glob.glob(text, recursive=True) if not Path(match).is_dir())  # noqa: PTH207
            if not matches:
                raise InputError(f"{text!r} matches no file")
            yield from ((match, False) for match in matches)
        else:
            yield text, True
        return
    files = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError(
            f"{text!r} holds no image file; subfolders are not searched, but {str(path / '**' / '*')!r} is"
        )
    yield from ((str(entry), False) for entry in files)


def _is_file_name(output: str) -> bool:
    return Path(output).suffix.lower() in _FORMAT_OF and not Path(output).is_dir()


def _job(source: tuple[str, bool], target: Path | None, form: str) -> Job:
    path = None if source[0] == STREAM else Path(source[0])
    missing = path is not None and not path.exists()
    return Job(path, target, form, "does not exist" if missing else "")


def _target(source: str, folder: Path | None, mark: str, form: str, whole_name: bool) -> Path:
    path = Path("stdin" if source == STREAM else source)
    return (path.parent if folder is None else folder) / f"{path.name if whole_name else path.stem}_{mark}.{form}"


def _apart(planned: Sequence[tuple[Job, tuple[str, bool]]], folder: Path | None, mark: str) -> list[Job]:
    """Results of inputs that differ in their suffix alone keep it: ``a.jpg_x3.png``; other clashes are problems."""
    counts = Counter(job.target for job, _ in planned)
    taken: dict[Path | None, Job] = {}
    jobs = []
    for job, (source, _) in planned:
        if counts[job.target] > 1:
            job = replace(job, target=_target(source, folder, mark, job.form, whole_name=True))
        if job.target in taken:
            other = taken[job.target].name
            job = replace(job, problem=f"would be written to the same file as {other}; give another -o")
        taken.setdefault(job.target, job)
        jobs.append(job)
    return jobs
