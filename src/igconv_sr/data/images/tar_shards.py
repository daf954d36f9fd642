"""Shards: many image files in one uncompressed tar file, which slow and remote file systems read far better."""

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from igconv_sr.data.sources.remote import RemoteFile
from igconv_sr.data.sources.walk import LIST_NAME, SHARD_SUFFIX
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import size_of
from igconv_sr.pictures.suffixes import IMAGE_SUFFIXES
from igconv_sr.system.files import replacing


class Member(NamedTuple):
    """An image file inside a shard.

    Attributes:
        name: Its path in there.
        offset: Of its first byte.
        length: In bytes.
        size: Height and width.
    """

    name: str
    offset: int
    length: int
    size: tuple[int, int]


def members(path: Path | RemoteFile) -> Iterator[Member]:
    """The images of a shard, in its order; whatever else it holds (labels) is left out. Nothing is unpacked.

    Raises:
        InputError: If it is missing, no uncompressed tar file, cut short, or holds no image or a damaged one.
    """
    found = 0
    try:
        with path.open("rb") as archive, tarfile.open(fileobj=archive, mode="r:") as tar:
            for entry in tar:
                if not entry.isreg() or Path(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
                    continue
                if entry.issparse():
                    raise InputError(f"{path}: {entry.name} is stored sparsely; write the shard anew")
                file = tar.extractfile(entry)
                assert file is not None
                yield Member(entry.name, entry.offset_data, entry.size, size_of(file, f"{path}: {entry.name}"))
                found += 1
            end, size = tar.offset, archive.seek(0, os.SEEK_END)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{path} is not an uncompressed tar file, or damaged ({error}); replace it") from error
    if end >= size:  # the mark of the end is missing
        raise InputError(f"{path} is cut short; replace it")
    if not found:
        raise InputError(f"{path} holds no image; remove it")


def write_shards(files: Sequence[Path], root: Path, folder: Path, shard_bytes: int = 2**30) -> list[Path]:
    """Writes image files as they are into shards, and the shards' names into a list for reading them from afar.

    The same files give the same bytes.

    Args:
        files: The image files, in the order of the shards.
        root: Folder that names inside the shards are relative to.
        folder: Where the shards go; made if needed.
        shard_bytes: A shard holds whole files and no more than this, unless it is a single file.

    Returns:
        The shards.

    Raises:
        InputError: If a file does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[Path] = []
    for group in _groups(files, shard_bytes):
        path = folder / f"{len(shards):06}{SHARD_SUFFIX}"
        with replacing(path) as partial, tarfile.open(partial, "w:", format=tarfile.PAX_FORMAT) as tar:
            for file in group:
                content = file.read_bytes()
                entry = tarfile.TarInfo(file.relative_to(root).as_posix())
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        shards.append(path)
    with replacing(folder / LIST_NAME) as partial:
        partial.write_text("".join(f"{path.name}\n" for path in shards))
    return shards


def _groups(files: Sequence[Path], limit: int) -> Iterator[list[Path]]:
    group: list[Path] = []
    held = 0
    for path in files:
        try:
            size = path.stat().st_size
        except FileNotFoundError as error:
            raise InputError(f"{path} does not exist") from error
        if group and held + size > limit:
            yield group
            group, held = [], 0
        group.append(path)
        held += size
    if group:
        yield group
