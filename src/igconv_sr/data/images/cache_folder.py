"""Folders of the cache: whole or not there at all, made by one process while others wait."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from igconv_sr.data.sources.remote import RemoteFile
from igconv_sr.errors import InputError
from igconv_sr.system.lock import alone

_PARTIAL = ".partial"


def digest_of(files: Sequence[Path | RemoteFile], kind: str) -> str:
    """Another name as soon as a file is added, changed or removed: of path, size and time of change.

    Args:
        files: What the folder is made of, in this order.
        kind: What it is made into, with the version of its format.

    Raises:
        InputError: If a file does not exist.
    """
    digest = hashlib.sha256(f"{kind}\n".encode())
    # A million files must not take a million objects and system calls more than needed: strings instead of paths,
    # and files of one folder share its real name.
    real_folders: dict[str, str] = {}
    for file in files:
        if isinstance(file, RemoteFile):
            digest.update(f"{file}\t{file.identity()}\n".encode())
            continue
        path = os.fspath(file)
        folder, name = os.path.split(path)
        if folder not in real_folders:
            real_folders[folder] = os.path.realpath(folder or os.curdir)
        try:
            status = os.stat(path)  # noqa: PTH116 (half the time of Path.stat)
        except FileNotFoundError as error:
            raise InputError(f"{path} does not exist") from error
        digest.update(f"{real_folders[folder]}/{name}\t{status.st_size}\t{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def make_once(folder: Path, make: Callable[[Path], None]) -> None:
    """Makes a folder unless it is there.

    A process that is killed leaves ``<folder>.partial``, where the next one continues; that of another folder is
    removed. Locks are the system's: they end with the process that holds them.

    Args:
        folder: What is wanted.
        make: Fills the folder given to it, which may hold what an earlier process left.
    """
    if folder.is_dir():
        return
    for needed in (folder.parent, _lock_file(folder).parent):
        needed.mkdir(parents=True, exist_ok=True)
    waiting = f"Another process is preparing the same images in {folder.parent}; waiting for it"
    with alone(_lock_file(folder), waiting):
        if folder.is_dir():
            return
        _remove_leftovers(folder)
        partial = folder.with_name(folder.name + _PARTIAL)
        partial.mkdir(exist_ok=True)
        try:
            make(partial)
        except Exception:
            shutil.rmtree(partial)
            raise
        partial.rename(folder)


def _lock_file(folder: Path) -> Path:
    return folder.parent.with_name("locks") / f"{folder.name}.lock"


def _remove_leftovers(folder: Path) -> None:
    for partial in folder.parent.glob(f"*{_PARTIAL}"):
        other = partial.with_name(partial.name.removesuffix(_PARTIAL))
        if other == folder:
            continue
        with contextlib.suppress(BlockingIOError), alone(_lock_file(other)):
            if partial.exists():  # and is neither finished nor removed by now
                shutil.rmtree(partial)
