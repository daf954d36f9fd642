"""From archives to folders of images below a root, in steps each of which can be killed and repeated.

Everything unfinished lies in ``ROOT/.prepare``: ``NAME.partial`` (being downloaded), ``NAME`` (complete),
``NAME.unpacking`` and, complete, ``NAME.unpacked``. Folders of the root appear by a rename, with all their images.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from igconv_sr.data.prepare.archives import unpack
from igconv_sr.data.prepare.catalogue import Archive, Folder
from igconv_sr.data.prepare.download import download, mismatch
from igconv_sr.data.sources.walk import list_images
from igconv_sr.errors import InputError
from igconv_sr.system.lock import alone

WORK = ".prepare"
"""Folder below the root for what is unfinished."""


def count_images(folder: Path) -> int:
    """Number of images below a folder; 0 also if there is no such folder."""
    try:
        return len(list_images(folder))
    except InputError:
        return 0


@dataclass(frozen=True)
class Preparation:
    """One data set, or several, below one root.

    Args:
        root: Where the folders are made.
        folders: Folder below the root -> what it must hold.
        archives: All archives by name.
        given: Archives that lie elsewhere already, by name; they are left where they are.
        keep_archives: Whether downloaded archives are kept, in the root.
    """

    root: Path
    folders: Mapping[str, Folder]
    archives: Mapping[str, Archive]
    given: Mapping[str, Path]
    keep_archives: bool

    def run(self) -> None:
        """Makes the folders that are not there yet.

        Raises:
            InputError: If an archive cannot be had or is not what the catalogue says, or a folder that is there already
                holds another number of images than it must.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        waiting = f"Another process is preparing {self.root}; waiting until it ends"
        with alone(self.root / f"{WORK}.lock", waiting), self._work_folder():
            missing = {name: folder for name, folder in self.folders.items() if not self._is_there(name, folder)}
            self._unpack_all(missing)
            for name, folder in missing.items():
                self._publish(name, folder)
            self._tidy()

    @contextlib.contextmanager
    def _work_folder(self) -> Iterator[None]:
        (self.root / WORK).mkdir(exist_ok=True)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # something is left to go on from
                (self.root / WORK).rmdir()

    def _is_there(self, name: str, folder: Folder) -> bool:
        path = self.root / name
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return False
        found = count_images(path)
        if found == 0 or folder.images not in (None, found):
            raise InputError(
                f"{path} is there already, but holds {found:,} images instead of {folder.images or 'some'}; move it "
                "away to have it made anew, or correct the number with --catalogue"
            )
        print(f"{path} is there already, with {found:,} images")
        return True

    def _unpack_all(self, missing: Mapping[str, Folder]) -> None:
        """Unpacks each archive while the next one is downloaded."""
        wanted: dict[str, dict[str, str]] = {}
        for name, folder in missing.items():
            for archive in folder.archives:
                wanted.setdefault(archive, {})[name] = name if folder.inside is None else folder.inside
        running: list[Future[None]] = []
        with ThreadPoolExecutor(cpu_count() or 1) as pool, _progress() as progress:
            for archive, folders in wanted.items():
                if all((self._unpacked(archive) / name).is_dir() for name in folders):
                    continue
                path = self._obtain(archive, progress)
                running.append(pool.submit(self._unpack, archive, path, folders))
                for future in running:
                    if future.done():
                        future.result()  # an archive that is no good stops the downloads
            for future in running:
                future.result()

    def _obtain(self, name: str, progress: Progress) -> Path:
        """The path of an archive: as given, or in the root, or downloaded."""
        for path in (self.given.get(name), self.root / name):
            if path is not None and path.is_file():
                return path
        path = self.root / WORK / name
        if not path.exists():
            archive = self.archives[name]
            print(f"Downloading {archive.url}", flush=True)
            task = progress.add_task(name, total=archive.size)
            download(name, archive, path, lambda size, total: progress.update(task, completed=size, total=total))
        return path.rename(self.root / name) if self.keep_archives else path

    def _unpack(self, name: str, archive: Path, folders: Mapping[str, str]) -> None:
        ours = archive.parent == self.root / WORK  # checked by the download
        if not ours and (problem := mismatch(archive, self.archives[name])) is not None:
            raise InputError(
                f"{archive} {problem}; get it again, or, if this is the edition you want, correct the entry with "
                "--catalogue"
            )
        unpacking, unpacked = self.root / WORK / f"{name}.unpacking", self._unpacked(name)
        for left in (unpacking, unpacked):
            shutil.rmtree(left, ignore_errors=True)
        unpacking.mkdir()
        print(f"Unpacking {name}", flush=True)
        try:
            unpack(archive, folders, unpacking)
        except BaseException as error:
            shutil.rmtree(unpacking)
            if ours and isinstance(error, InputError):
                archive.unlink()
            raise
        unpacking.rename(unpacked)
        if ours:
            archive.unlink()

    def _publish(self, name: str, folder: Folder) -> None:
        """Joins what the archives hold of a folder and puts it into its place."""
        parts = [path for archive in folder.archives if (path := self._unpacked(archive) / name).is_dir()]
        found = sum(count_images(part) for part in parts)
        if found == 0 or folder.images not in (None, found):
            raise InputError(
                f"{', '.join(folder.archives)}: {found:,} images for {name} instead of {folder.images or 'some'}; if "
                f"that is right, correct the entry with --catalogue; otherwise delete {self.root / WORK} and repeat "
                "with other archives"
            )
        whole, *rest = parts
        for part in rest:
            for path in list_images(part):
                target = whole / path.relative_to(part)
                if target.exists():
                    raise InputError(f"{path.relative_to(part)} is in two of {', '.join(folder.archives)}")
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        whole.rename(target)

    def _tidy(self) -> None:
        """Removes what is left of archives whose images are all in place."""
        for name in {name for folder in self.folders.values() for name in folder.archives}:
            for folder in (self._unpacked(name), self.root / WORK / f"{name}.unpacking"):
                shutil.rmtree(folder, ignore_errors=True)
            for suffix in ("", ".partial", ".partial.json", ".partial.new"):
                (self.root / WORK / f"{name}{suffix}").unlink(missing_ok=True)

    def _unpacked(self, archive: str) -> Path:
        return self.root / WORK / f"{archive}.unpacked"


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    return Progress(
        *columns, TransferSpeedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
