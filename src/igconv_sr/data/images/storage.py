"""Which of the two stores holds the training images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from igconv_sr.data.images.encoded import index_images
from igconv_sr.data.images.store import ImageSource, build_store
from igconv_sr.data.sources.remote import RemoteFile
from igconv_sr.data.sources.walk import is_shard
from igconv_sr.errors import InputError

Storage = Literal["decoded", "encoded"]
"""``decoded`` keeps all pixels in the cache. ``encoded`` reads and decodes a file per crop, for sets too large for
that, and takes shards too. The crops are the same."""


def check_storage(storage: Storage, files: Sequence[Path | RemoteFile]) -> None:
    """Refuses unknown names, and shards that would have to be decoded.

    Raises:
        InputError: If there is such a mistake.
    """
    if storage not in ("decoded", "encoded"):
        raise InputError(f"data.storage must be decoded or encoded, got {storage!r}")
    shard = next((path for path in files if is_shard(path.name)), None)
    if storage == "decoded" and shard is not None:
        raise InputError(f"{shard} is a shard, which is read with data.storage=encoded only")


def open_images(files: Sequence[Path | RemoteFile], cache: Path, storage: Storage) -> ImageSource:
    """The images, after what has to be done once: decoding them all, or finding out their sizes.

    Args:
        files: Image files, or shards.
        cache: Folder of stores and indexes.
        storage: The kind of store.

    Raises:
        InputError: If a file is missing or cannot be read, or the disk is too small.
    """
    if storage == "encoded":
        return index_images(files, cache)
    return build_store([path for path in files if isinstance(path, Path)], cache)  # shards have been refused
