"""Files behind addresses, read by ranges through fsspec: shards that stay where they are."""

import time
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO, TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientError
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from igconv_sr.data.sources.walk import LIST_NAME
from igconv_sr.errors import InputError

T = TypeVar("T")

_IDENTITY = ("size", "ETag", "Last-Modified", "LastModified", "mtime")

_OF_NETWORKS = (ClientError, ConnectionError, TimeoutError)

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further try; a try that brings new bytes starts the count again."""


class RemoteFile:
    """A file behind an address.

    Args:
        address: Of any kind that fsspec knows: ``https://``, ``s3://`` (needs the package s3fs) and others.

    All methods raise :class:`InputError` if the file does not exist, or cannot be read in several tries.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def __str__(self) -> str:
        return self.address

    @property
    def name(self) -> str:
        """Last part of its path."""
        return PurePosixPath(urlsplit(self.address).path).name

    def read(self, offset: int, length: int) -> bytes:
        """A range of it: one request."""

        def read(system: AbstractFileSystem, path: str) -> bytes:
            content: bytes = system.cat_file(path, start=offset, end=offset + length)
            if len(content) > length:
                raise InputError(f"{self}: its server does not serve ranges; copy the file to this machine")
            if len(content) < length:
                raise OSError(f"{len(content)} bytes instead of {length} from byte {offset} on")
            return content

        return self._patiently(read)

    def read_text(self) -> str:
        """All of it, as UTF-8."""
        return self._patiently(lambda system, path: bytes(system.cat_file(path)).decode())

    def scan(self, read: Callable[[IO[bytes]], T]) -> T:
        """What ``read`` makes of the open file, each try from the beginning on."""

        def read_open(system: AbstractFileSystem, path: str) -> T:
            with system.open(path, "rb") as file:
                return read(file)

        return self._patiently(read_open)

    def identity(self) -> str:
        """Another text once the file has changed, as far as its server tells."""

        def ask(system: AbstractFileSystem, path: str) -> str:
            info = system.info(path)
            return " ".join(f"{key}={info[key]}" for key in _IDENTITY if key in info)

        return self._patiently(ask)

    def _patiently(self, read: Callable[[AbstractFileSystem, str], T]) -> T:
        """Tries again after a pause, as a network deserves."""
        for wait in (*WAITS, None):
            try:
                return read(*url_to_fs(self.address))
            except FileNotFoundError as error:
                raise InputError(f"{self} does not exist") from error
            except InputError as error:
                if not isinstance(error.__cause__, _OF_NETWORKS):
                    raise
                failure: Exception = error.__cause__
            except (ImportError, ValueError) as error:  # a package for this kind of address is missing, or no kind
                raise InputError(f"{self} cannot be read: {error}") from error
            except (OSError, ClientError) as error:
                failure = error
            if wait is None:
                reason = str(failure) or type(failure).__name__
                raise InputError(f"{self} could not be read in {len(WAITS) + 1} tries: {reason}") from failure
            time.sleep(wait)
        raise AssertionError


def remote_shards(folder: str) -> list[RemoteFile]:
    """The shards that ``shards.txt`` in a remote folder names.

    Raises:
        InputError: If there is no such list, or it is empty.
    """
    listed = RemoteFile(f"{folder.rstrip('/')}/{LIST_NAME}")
    names = [line.strip() for line in listed.read_text().splitlines() if line.strip()]
    if not names:
        raise InputError(f"{listed} names no shard; it holds their names, a line each")
    return [RemoteFile(f"{folder.rstrip('/')}/{name}") for name in names]
