"""Downloads over HTTP that go on where they were interrupted, however that happened.

A request for the rest of a file names the edition that the beginning is of (If-Range): two editions are never joined.
"""

import hashlib
import json
import os
import re
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from igconv_sr.data.prepare.catalogue import Archive
from igconv_sr.data.sources.remote import WAITS
from igconv_sr.errors import InputError

_CHUNK = 1 << 16
_SILENCE = 60.0  # seconds without a byte that count as a dropped connection
_PASSING = (408, 425, 429)  # refusals that a later try may not meet; besides all from 500 on

Progress = Callable[[int, int | None], None]
"""Told the bytes that are here, and of how many if that is known."""


class _DroppedError(Exception):
    """The transfer ended too early; a further try may go on."""


@dataclass(frozen=True)
class _Edition:
    """What the bytes of a partial file belong to.

    Attributes:
        url: Where they come from.
        validator: ETag or date by which the server recognises its edition of the file, if it gives one.
        total: Size of the whole file in bytes, if the server says so.
    """

    url: str
    validator: str | None
    total: int | None


class _Partial:
    """A file on its way: ``NAME.partial``, and beside it ``NAME.partial.json``, the edition of its bytes.

    Args:
        target: The file that it is to become.
    """

    def __init__(self, target: Path) -> None:
        self._target, self.path = target, target.with_name(f"{target.name}.partial")
        self._note = target.with_name(f"{target.name}.partial.json")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def edition(self, url: str) -> _Edition | None:
        """What the bytes belong to; None if there are none that can be gone on from."""
        if not self.size or not self._note.exists():
            return None
        try:
            edition = _Edition(**json.loads(self._note.read_text()))
        except (ValueError, TypeError):  # a machine that lost its power may have left an empty file
            return None
        return edition if edition.url == url else None

    def begin(self, edition: _Edition) -> None:
        """Starts over. Killed at any point in between, no bytes are left beside a note of another edition."""
        self.discard()
        written = self._note.with_suffix(".new")
        written.write_text(json.dumps(asdict(edition)))
        written.rename(self._note)

    def discard(self) -> None:
        """Removes both files."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def publish(self) -> None:
        """Makes it the whole file."""
        self.path.rename(self._target)
        self._note.unlink(missing_ok=True)


def download(name: str, archive: Archive, target: Path, progress: Progress, waits: Sequence[float] = WAITS) -> None:
    """Downloads a file, going on with what an earlier call left; it appears complete and checked, or not at all.

    Args:
        name: File name, for messages.
        archive: Address, size and checksum.
        target: The file to write.
        progress: Told of the bytes that have arrived.
        waits: Seconds before each further try.

    Raises:
        InputError: If the server refuses, keeps dropping the connection, or sends something else than expected.
    """
    partial = _Partial(target)
    furthest, failures = partial.size, 0
    while True:
        try:
            _fetch(name, archive, partial, progress)
            break
        except _DroppedError as error:
            if partial.size > furthest:
                furthest, failures = partial.size, 0
            if failures >= len(waits):
                raise InputError(
                    f"{archive.url}: {error}, and {failures} further tries brought nothing; what has arrived is kept: "
                    f"repeat the command to go on, or {_by_hand(name)}"
                ) from error
            print(f"{name}: {error}; trying again in {waits[failures]:g} s", flush=True)
            time.sleep(waits[failures])
            failures += 1
    if (problem := mismatch(partial.path, archive)) is not None:
        partial.discard()
        raise InputError(
            f"{archive.url} sent a file that {problem}; it is deleted: repeat the command, or, if the host has another "
            "edition now, correct the entry with --catalogue"
        )
    partial.publish()


def mismatch(path: Path, archive: Archive) -> str | None:
    """What is wrong with a file, as the end of a sentence; None if size and checksum are right or not known."""
    size = path.stat().st_size
    if archive.size is not None and size != archive.size:
        return f"has {size:,} bytes instead of {archive.size:,}"
    if archive.checksum is None:
        return None
    algorithm, _, expected = archive.checksum.partition(":")
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, algorithm).hexdigest()
    return None if actual == expected.lower() else f"has the {algorithm} {actual} instead of {expected}"


def _fetch(name: str, archive: Archive, partial: _Partial, progress: Progress) -> None:
    """One request: for the rest of the file if there is a beginning, otherwise for all of it."""
    have, edition = partial.size, partial.edition(archive.url)
    if edition is not None and have in (edition.total, archive.size):
        return
    if edition is not None and edition.validator is None and archive.checksum is None:
        edition = None  # nothing would tell that the rest is of another edition
    request = _request(archive, have, edition)
    try:
        response = urlopen(request, timeout=_SILENCE)  # noqa: S310 (the catalogue admits http and https only)
    except HTTPError as error:
        with error:
            if error.code != 416 or _range(error.headers)[1] != have:
                _refuse(error, name, archive, partial)
        return
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise InputError(f"{archive.url}: {reason}; {_by_hand(name)}") from error
        raise _DroppedError(f"no connection ({reason})") from error
    with response:
        total = _accept(response, name, archive, partial, have, edition)
        _receive(response, partial.path, archive.size, lambda size: progress(size, total))
    if total is not None and partial.size < total:
        raise _DroppedError(f"the connection ended after {partial.size:,} of {total:,} bytes")


def _request(archive: Archive, have: int, edition: _Edition | None) -> Request:
    headers = {"User-Agent": "igconv-sr", "Accept-Encoding": "identity"}
    if edition is not None:
        headers["Range"] = f"bytes={have}-"
        if edition.validator is not None:
            headers["If-Range"] = edition.validator
    request = Request(archive.url, headers=headers)  # noqa: S310 (as above)
    if archive.token is not None and (token := os.environ.get(archive.token)):
        # Not for the storage that the host redirects to.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    return request


def _accept(
    response: HTTPResponse, name: str, archive: Archive, partial: _Partial, have: int, edition: _Edition | None
) -> int | None:
    """Makes the partial file ready for the body; returns the size that it will have, if the server says so."""
    if response.status == 206 and edition is not None:
        start, total = _range(response.headers)
        other = _validator(response.headers) not in (None, edition.validator) or edition.total not in (None, total)
        if start != have or other:
            partial.discard()
            raise _DroppedError("the server sent another part or edition than asked for")
        return total
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    if None not in (total, archive.size) and total != archive.size:
        raise InputError(
            f"{archive.url} offers {total:,} bytes, the catalogue says {archive.size:,}: the host has another edition "
            f"or an error page; correct the entry with --catalogue, or {_by_hand(name)}"
        )
    partial.begin(_Edition(archive.url, _validator(response.headers), total))
    return total


def _receive(response: HTTPResponse, path: Path, limit: int | None, arrived: Callable[[int], None]) -> None:
    with path.open("ab") as file:
        while chunk := _read(response):
            file.write(chunk)
            arrived(file.tell())
            if limit is not None and file.tell() > limit:
                break  # the check of the size says it


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"the connection broke ({error})") from error


def _refuse(error: HTTPError, name: str, archive: Archive, partial: _Partial) -> None:
    """Tells a refusal that will stay from one that may pass."""
    if error.code == 416:
        partial.discard()
        raise _DroppedError("the file on the server has become shorter")
    if error.code in _PASSING or error.code >= 500:
        raise _DroppedError(f"the server answers {error.code} {error.reason}")
    account = f"; {archive.account}" if archive.account is not None and error.code in (401, 403) else ""
    raise InputError(f"{archive.url} answers {error.code} {error.reason}{account}; {_by_hand(name)}") from error


def _range(headers: Message) -> tuple[int | None, int | None]:
    """First byte and total size in a Content-Range such as ``bytes 5-9/10`` or ``bytes */10``."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", headers.get("Content-Range", ""))
    start, total = found.groups() if found else (None, None)
    return (None if start is None else int(start)), (None if total is None else int(total))


def _validator(headers: Message) -> str | None:
    """What If-Range may name: a strong ETag, otherwise the date."""
    tag = headers.get("ETag")
    return headers.get("Last-Modified") if tag is None or tag.startswith("W/") else tag


def _by_hand(name: str) -> str:
    return f"download {name} by hand, there or from a mirror, and give it with --archive {name}"
