"""Downloads from a server that misbehaves: the file is right in the end, or the reason stands in one line."""

import hashlib
import json
import multiprocessing
import os
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from igconv_sr.data.prepare.catalogue import Archive
from igconv_sr.data.prepare.download import download
from igconv_sr.errors import InputError
from serving import Host, serving

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
WAITS = (0.0, 0.0, 0.0)


def unseen(here: int, total: int | None) -> None:
    """Progress that nobody looks at."""


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        host.files["set.zip"] = CONTENT
        yield host


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def get(host: Host, folder: Path, archive: Archive | None = None) -> bytes:
    """Downloads; nothing but the file itself may be left."""
    target = folder / "set.zip"
    download("set.zip", archive or Archive(host.url("set.zip")), target, unseen, WAITS)
    assert [path.name for path in folder.iterdir()] == ["set.zip"]
    return target.read_bytes()


def offsets(host: Host) -> list[int | None]:
    return [seen.offset for seen in host.seen]


def cut_once(host: Host, after: int) -> None:
    host.drop_after, host.drops = after, 1


def leave_partial(host: Host, folder: Path, after: int = 100_000) -> None:
    """The state after a download that was given up in the middle."""
    host.drop_after, host.statuses = after, []
    with pytest.raises(InputError):
        download("set.zip", Archive(host.url("set.zip")), folder / "set.zip", unseen, ())
    host.drop_after = None
    host.seen.clear()


def test_whole_file_and_its_progress(host: Host, tmp_path: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    archive = Archive(host.url("set.zip"), size=len(CONTENT), checksum=sha256(CONTENT))
    download("set.zip", archive, tmp_path / "set.zip", lambda here, total: progress.append((here, total)))
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert progress[-1] == (300_000, 300_000)
    assert progress == sorted(progress)
    assert offsets(host) == [None]


@pytest.mark.parametrize("validator", ["etag", "date", None])
def test_dropped_connection_goes_on_where_it_was(host: Host, tmp_path: Path, validator: str | None) -> None:
    host.validator, host.drop_after = validator, 70_000
    assert get(host, tmp_path, Archive(host.url("set.zip"), checksum=sha256(CONTENT))) == CONTENT
    assert offsets(host) == [None, 70_000, 140_000, 210_000, 280_000]
    conditions = {seen.headers.get("If-Range") for seen in host.seen[1:]}
    assert conditions == (set(host.validators("set.zip").values()) or {None})


def test_server_that_ignores_ranges_starts_over(host: Host, tmp_path: Path) -> None:
    host.ranges = False
    cut_once(host, 200_000)
    assert get(host, tmp_path) == CONTENT
    assert offsets(host) == [None, 200_000]


def test_tries_are_bounded_and_what_arrived_is_kept(host: Host, tmp_path: Path) -> None:
    host.ranges, host.drop_after = False, 200_000
    with pytest.raises(InputError, match=r"ended after 200,000 of 300,000 bytes.*--archive set.zip"):
        get(host, tmp_path)
    assert len(host.seen) == 1 + len(WAITS)
    host.seen.clear()
    host.ranges, host.drop_after = True, None
    assert get(host, tmp_path) == CONTENT
    assert offsets(host) == [200_000]


@pytest.mark.parametrize("content", [OTHER, OTHER + b"longer"], ids=["same size", "other size"])
@pytest.mark.parametrize(
    ("validator", "if_range"), [("etag", True), ("date", True), ("etag", False), ("date", False), (None, False)]
)
def test_file_that_changed_in_between_is_never_joined(
    host: Host, tmp_path: Path, validator: str | None, if_range: bool, content: bytes
) -> None:
    host.validator = validator
    leave_partial(host, tmp_path)
    host.if_range = if_range
    host.files["set.zip"] = content
    assert get(host, tmp_path) == content


def test_file_that_became_shorter_than_what_is_here(host: Host, tmp_path: Path) -> None:
    leave_partial(host, tmp_path)
    host.files["set.zip"], host.if_range = OTHER[:50_000], False
    assert get(host, tmp_path) == OTHER[:50_000]
    assert offsets(host) == [100_000, None]


def test_416_means_complete_if_the_size_agrees(host: Host, tmp_path: Path) -> None:
    (tmp_path / "set.zip.partial").write_bytes(CONTENT)
    note = {"url": host.url("set.zip"), "total": None, "validator": host.validators("set.zip")["ETag"]}
    (tmp_path / "set.zip.partial.json").write_text(json.dumps(note))
    assert get(host, tmp_path) == CONTENT
    assert offsets(host) == [300_000]


@pytest.mark.parametrize("note", ["", "null", '{"url": "'])
def test_a_damaged_note_starts_over(host: Host, tmp_path: Path, note: str) -> None:
    leave_partial(host, tmp_path)
    (tmp_path / "set.zip.partial.json").write_text(note)
    assert get(host, tmp_path) == CONTENT


def test_length_that_promises_too_much_is_settled_by_416(host: Host, tmp_path: Path) -> None:
    host.extra_length = 5
    assert get(host, tmp_path) == CONTENT
    host.ranges = False
    (tmp_path / "set.zip").unlink()
    with pytest.raises(InputError, match=r"300,000 of 300,005 bytes"):
        get(host, tmp_path)


def test_length_that_cuts_the_file_short_is_noticed_by_the_checksum(host: Host, tmp_path: Path) -> None:
    host.extra_length = -5
    with pytest.raises(InputError, match=r"sent a file that has the sha256 .* deleted"):
        get(host, tmp_path, Archive(host.url("set.zip"), checksum=sha256(CONTENT)))
    assert not list(tmp_path.iterdir())


def test_other_size_than_in_the_catalogue_is_refused_before_the_download(host: Host, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"offers 300,000 bytes, the catalogue says 300,001"):
        get(host, tmp_path, Archive(host.url("set.zip"), size=300_001))
    host.extra_length = None
    with pytest.raises(InputError, match=r"has \d+,\d+ bytes instead of 100,000"):
        get(host, tmp_path, Archive(host.url("set.zip"), size=100_000))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_checksum(host: Host, tmp_path: Path, algorithm: str) -> None:
    right = hashlib.new(algorithm, CONTENT).hexdigest()
    with pytest.raises(InputError, match=f"has the {algorithm} {right} instead of 00"):
        get(host, tmp_path, Archive(host.url("set.zip"), checksum=f"{algorithm}:00"))
    assert not list(tmp_path.iterdir())
    assert get(host, tmp_path, Archive(host.url("set.zip"), checksum=f"{algorithm}:{right}")) == CONTENT


def test_refusals_say_what_to_do_by_hand(host: Host, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"/gone.zip answers 404 Not Found; download set.zip by hand.*--archive set.zip"
    ):
        get(host, tmp_path, Archive(host.url("gone.zip")))
    host.statuses = [403]
    with pytest.raises(InputError, match="answers 403 Forbidden; ask them; download"):
        get(host, tmp_path, Archive(host.url("set.zip"), account="ask them"))
    assert len(host.seen) == 2


def test_overloaded_server_is_asked_again(host: Host, tmp_path: Path) -> None:
    host.statuses = [503, 429]
    assert get(host, tmp_path) == CONTENT
    host.statuses = [500] * 9
    with pytest.raises(InputError, match="answers 500"):
        get(host, tmp_path, Archive(host.url("set.zip")))


def test_nobody_listens(tmp_path: Path) -> None:
    with serving() as host:
        pass
    with pytest.raises(InputError, match=r"no connection .*refused"):
        get(host, tmp_path)


def test_token_is_not_told_to_where_the_host_redirects(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "secret")
    host.redirects["door.zip"] = host.url("set.zip")
    cut_once(host, 100_000)
    assert get(host, tmp_path, Archive(host.url("door.zip"), token="A_TOKEN")) == CONTENT  # noqa: S106 (a name)
    told = [(seen.name, seen.headers.get("Authorization")) for seen in host.seen]
    assert told == [("door.zip", "Bearer secret"), ("set.zip", None)] * 2
    assert host.seen[-1].offset == 100_000


def quietly(target: Path, archive: Archive, limit: int | None = None) -> None:
    """In a child: downloads without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        download("set.zip", archive, target, unseen, WAITS)
    except OSError as error:
        os._exit(error.errno or 1)


def arrived(target: Path) -> int:
    partial = target.with_name(f"{target.name}.partial")
    return partial.stat().st_size if partial.exists() else 0


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_at_any_moment_it_goes_on(host: Host, tmp_path: Path) -> None:
    host.pause, moments = 0.0005, random.Random(0)
    archive, target = Archive(host.url("set.zip"), checksum=sha256(CONTENT)), tmp_path / "set.zip"
    for end in sorted(moments.randrange(len(CONTENT)) for _ in range(8)):
        child = multiprocessing.get_context("fork").Process(target=quietly, args=(target, archive))
        child.start()
        while child.is_alive() and arrived(target) < end:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.03))
        child.kill()
        child.join()
    host.pause = 0
    assert len(set(offsets(host))) > 3, "the kills did not come at different places"
    assert get(host, tmp_path, archive) == CONTENT


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_full_disk_keeps_what_has_arrived(host: Host, tmp_path: Path) -> None:
    archive, target = Archive(host.url("set.zip")), tmp_path / "set.zip"
    child = multiprocessing.get_context("fork").Process(target=quietly, args=(target, archive, 150_000))
    child.start()
    child.join()
    assert os.strerror(child.exitcode or 0) == "File too large"
    host.seen.clear()
    assert get(host, tmp_path) == CONTENT
    assert offsets(host) == [150_000]
