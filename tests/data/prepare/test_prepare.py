"""``igconv-sr data prepare``: from a server to folders and store, whatever happens on the way."""

import contextlib
import io
import multiprocessing
import os
import random
import resource
import shutil
import signal
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from command_line import run, succeed
from igconv_sr.data.images.store import build_store
from igconv_sr.data.prepare import prepare
from igconv_sr.data.sources.walk import list_images
from igconv_sr.errors import InputError
from igconv_sr.system.lock import alone
from serving import Host, serving

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
FORK = multiprocessing.get_context("fork")
Prepare = Callable[..., str]


def png(number: int) -> bytes:
    """A picture of noise, which no archive makes smaller."""
    pixels = np.random.default_rng(number).integers(256, size=(24, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2017, 3, 1, 12, 0, 0)), content)
    return file.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_500_000_000
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


IMAGES = {f"{number:04}.png": png(number) for number in range(1, 21)}
TRAIN, VALID = dict(list(IMAGES.items())[:8]), dict(list(IMAGES.items())[8:10])
SHARDS = [dict(list(IMAGES.items())[10:16]), dict(list(IMAGES.items())[16:])]


@pytest.fixture
def host() -> Iterator[Host]:
    with serving() as host:
        host.files["train.zip"] = zipped({f"Tiny/train/{name}": content for name, content in TRAIN.items()})
        host.files["valid.zip"] = zipped({f"valid/{name}": content for name, content in VALID.items()})
        for number, shard in enumerate(SHARDS):
            files = {f"{number:03}/{name}": content for name, content in shard.items()}
            host.files[f"shard-{number}.tar.gz"] = tarred(files)
        yield host


@pytest.fixture
def entries(host: Host) -> dict[str, dict[str, object]]:
    """A set of two zip archives, one of two shards that fill one folder, and both together."""
    tiny = {
        "train": {"archives": ["train.zip"], "images": 8, "store": True},
        "valid": {"archives": ["valid.zip"], "images": 2},
        "valid_lr": {"archives": ["lr.zip"], "lr": True},
    }
    shards = {"HR/all": {"archives": ["shard-0.tar.gz", "shard-1.tar.gz"], "images": 10, "inside": "", "store": True}}
    return {
        "archives": {name: {"url": host.url(name)} for name in [*host.files, "lr.zip"]},
        "sets": {
            "tiny": {"title": "Tiny", "folders": tiny, "data": "div2k"},
            "shards": {"title": "Shards", "folders": shards},
            "both": {"title": "Both", "parts": ["tiny", "shards"]},
        },
    }


@pytest.fixture
def arguments(tmp_path: Path, entries: dict[str, dict[str, object]]) -> Callable[..., list[str]]:
    """The command line, with the catalogue as it is now."""

    def make(name: str, *flags: str) -> list[str]:
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(entries))
        fixed = ["--root", f"{tmp_path}/root", "--cache", f"{tmp_path}/cache", "--catalogue", f"{tmp_path}/mine.yaml"]
        return [name, *fixed, *flags]

    return make


@pytest.fixture
def prepared(arguments: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]) -> Prepare:
    """Runs the command in this process; gives what it printed."""

    def call(name: str, *flags: str) -> str:
        prepare.main(arguments(name, *flags))
        return capsys.readouterr().out

    return call


def below(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and date of every file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def content(folder: Path) -> dict[str, bytes]:
    return {name: data for name, (data, _date) in below(folder).items()}


def everything(tmp_path: Path) -> dict[str, bytes]:
    """Root and cache, byte for byte; the store's names depend on the dates of the images."""
    return content(tmp_path / "root") | content(tmp_path / "cache")


def images(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": data for name, data in files.items()}


def test_set_from_the_server_to_the_store(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    printed = prepared("tiny")
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)
    before = below(tmp_path / "cache")
    store = build_store(list_images(tmp_path / "root" / "train"), tmp_path / "cache")
    assert below(tmp_path / "cache") == before, "the training would decode again"
    assert np.array_equal(store[3], np.asarray(Image.open(tmp_path / "root" / "train" / store.names[3])))
    assert printed.splitlines()[-1] == f"Next: make train data=div2k data.root={tmp_path}/root recipe=paper"
    assert f"8 images  {tmp_path}/root/train  (decoded)" in printed
    assert f"2 images  {tmp_path}/root/valid\n" in printed


def test_second_call_downloads_nothing_and_changes_nothing(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    prepared("both")
    before = below(tmp_path / "root"), below(tmp_path / "cache")
    host.seen.clear()
    assert "train is there already, with 8 images" in prepared("both")
    assert (below(tmp_path / "root"), below(tmp_path / "cache")) == before
    assert not host.seen


def test_shards_become_one_folder(prepared: Prepare, tmp_path: Path) -> None:
    printed = prepared("shards")
    expected = images("HR/all/000", SHARDS[0]) | images("HR/all/001", SHARDS[1])
    assert content(tmp_path / "root") == expected
    assert printed.splitlines()[-1] == f"Next: make train data=folder data.root={tmp_path}/root/HR/all recipe=paper"


def test_kept_archives_are_used_again(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    prepared("tiny", "--keep-archives")
    assert content(tmp_path / "root")["train.zip"] == host.files["train.zip"]
    shutil.rmtree(tmp_path / "root" / "train")
    host.seen.clear()
    prepared("tiny")
    assert content(tmp_path / "root")["train/0001.png"] == TRAIN["0001.png"]
    assert not host.seen
    assert (tmp_path / "root" / "train.zip").exists(), "an archive that the command did not fetch was deleted"


def test_archives_by_hand(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    given = tmp_path / "elsewhere" / "train.zip"
    given.parent.mkdir()
    given.write_bytes(host.files["train.zip"])
    prepared("tiny", "--archive", str(given))
    assert [seen.name for seen in host.seen] == ["valid.zip"]
    assert given.exists()
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)
    with pytest.raises(InputError, match=r"other.zip: the archives of this set are lr.zip, train.zip, valid.zip"):
        prepared("tiny", "--archive", "other.zip")
    with pytest.raises(InputError, match="there is no such file"):
        prepared("tiny", "--archive", str(tmp_path / "train.zip"))


def test_folder_that_is_there_is_taken_only_if_complete(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    for name, data in list(TRAIN.items())[:7]:
        path = tmp_path / "root" / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with pytest.raises(InputError, match="train is there already, but holds 7 images instead of 8; move it away"):
        prepared("tiny")
    (tmp_path / "root" / "train" / "0008.png").write_bytes(TRAIN["0008.png"])
    (tmp_path / "root" / "valid").mkdir()
    prepared("tiny")
    assert [seen.name for seen in host.seen] == ["valid.zip"]
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)


def test_lr_images_on_demand(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    prepared("tiny")
    host.files["lr.zip"] = zipped(images("valid_lr", VALID))
    prepared("tiny", "--with-lr")
    assert [seen.name for seen in host.seen] == ["train.zip", "valid.zip", "lr.zip"]
    assert (tmp_path / "root" / "valid_lr" / "0009.png").exists()


def test_wrong_number_of_images(prepared: Prepare, entries: dict[str, dict], tmp_path: Path) -> None:
    entries["sets"]["tiny"]["folders"]["train"]["images"] = 9
    with pytest.raises(InputError, match=r"train.zip: 8 images for train instead of 9.*--catalogue.*\.prepare"):
        prepared("tiny")
    assert not (tmp_path / "root" / "train").exists()
    entries["sets"]["tiny"]["folders"]["train"]["images"] = 8
    prepared("tiny")
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)


def test_damaged_archive_is_deleted_and_fetched_again(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    right = host.files["train.zip"]
    host.files["train.zip"] = right[:-300]
    with pytest.raises(InputError, match=r"train.zip is damaged"):
        prepared("tiny")
    host.files["train.zip"] = right
    prepared("tiny")
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)


def test_checksum_of_an_archive_by_hand(prepared: Prepare, entries: dict[str, dict], tmp_path: Path) -> None:
    entries["archives"]["train.zip"]["checksum"] = "sha256:12"
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "train.zip").write_bytes(zipped(images("train", TRAIN)))
    with pytest.raises(InputError, match=r"root/train.zip has the sha256 .* instead of 12; get it again"):
        prepared("tiny")
    assert (tmp_path / "root" / "train.zip").exists()


def test_malicious_archive_leaves_nothing(host: Host, prepared: Prepare, tmp_path: Path) -> None:
    host.files["train.zip"] = zipped(images("train", TRAIN) | {"train/../../../out.png": png(0)})
    with pytest.raises(InputError, match="leads out of its folder"):
        prepared("tiny")
    assert not list(tmp_path.rglob("out.png"))
    assert not list((tmp_path / "root").rglob("0001.png"))


def test_leftovers_of_a_killed_unpacking_are_not_mixed_in(prepared: Prepare, tmp_path: Path) -> None:
    left = tmp_path / "root" / ".prepare" / "train.zip.unpacking" / "train" / "left.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(png(0))
    prepared("tiny")
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)


def in_a_child(arguments: list[str], output: Path, limit: int | None = None) -> None:
    """Runs the command in a forked process, where all modules are loaded already."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a shell
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        with output.open("a") as file, contextlib.redirect_stdout(file):
            prepare.main(arguments)
    except InputError as error:
        output.with_suffix(".error").write_text(str(error))
        os._exit(1)


def start(arguments: list[str], output: Path, limit: int | None = None) -> multiprocessing.process.BaseProcess:
    process = FORK.Process(target=in_a_child, args=(arguments, output, limit))
    process.start()
    return process


def test_killed_at_any_moment_the_repetition_ends_in_the_same_bytes(
    host: Host, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    host.pause = 0.001
    command, output = arguments("both"), tmp_path / "output"
    began = time.monotonic()
    undisturbed = start(command, output)
    undisturbed.join()
    duration, expected = time.monotonic() - began, everything(tmp_path)
    assert undisturbed.exitcode == 0
    assert any(name.startswith("store") for name in expected)
    moments, killed = random.Random(0), 0
    for _ in range(2):
        for folder in ("root", "cache"):
            shutil.rmtree(tmp_path / folder)
        for _ in range(5):
            process = start(command, output)
            process.join(timeout=moments.uniform(0, duration / 2))  # what runs beside it may end
            killed += process.exitcode is None
            process.kill()
            process.join()
        last = start(command, output)
        last.join()
        assert last.exitcode == 0
        assert content(tmp_path / "root") == {name: expected[name] for name in content(tmp_path / "root")}
        found = everything(tmp_path)
        assert {name: found.get(name) for name in expected} == expected
    assert killed > 2


def test_three_at_once_download_once_and_agree(host: Host, arguments: Callable[..., list[str]], tmp_path: Path) -> None:
    command, output = arguments("both"), tmp_path / "output"
    host.pause = 0.002
    processes = [start(command, output) for _ in range(3)]
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sorted(seen.name for seen in host.seen) == ["shard-0.tar.gz", "shard-1.tar.gz", "train.zip", "valid.zip"]
    both = images("train", TRAIN) | images("valid", VALID)
    shards = images("HR/all/000", SHARDS[0]) | images("HR/all/001", SHARDS[1])
    assert content(tmp_path / "root") == both | shards


def test_interrupted_by_the_user(
    host: Host, arguments: Callable[..., list[str]], prepared: Prepare, tmp_path: Path
) -> None:
    host.pause = 1
    process = start(arguments("tiny"), tmp_path / "output")
    end = time.monotonic() + 30
    while not host.seen:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(timeout=30)
    assert process.exitcode == 130
    host.pause = 0
    prepared("tiny")
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)


def test_waiting_for_another_process_is_said(arguments: Callable[..., list[str]], tmp_path: Path) -> None:
    output = tmp_path / "output"
    (tmp_path / "root").mkdir()
    with alone(tmp_path / "root" / ".prepare.lock"):
        process = start(arguments("tiny"), output)
        end = time.monotonic() + 30
        while "waiting until it ends" not in (output.read_text() if output.exists() else ""):
            assert time.monotonic() < end
            time.sleep(0.01)
        assert process.is_alive()
    process.join(timeout=30)
    assert process.exitcode == 0
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)


@pytest.mark.parametrize("limit", [5_000, 2_000])
def test_full_disk_is_one_line_and_can_be_gone_on_from(
    host: Host, arguments: Callable[..., list[str]], prepared: Prepare, tmp_path: Path, limit: int
) -> None:
    """At 5,000 bytes the download stops, at 2,000 bytes the unpacking of an archive by hand."""
    by_hand = () if limit == 5_000 else ("--archive", str(tmp_path / "train.zip"))
    (tmp_path / "train.zip").write_bytes(host.files["train.zip"])
    assert 2_000 < len(TRAIN["0001.png"]) < 5_000 < len(host.files["train.zip"])
    process = start(arguments("tiny", *by_hand), tmp_path / "output", limit)
    process.join(timeout=30)
    assert process.exitcode == 1
    error = (tmp_path / "output.error").read_text()
    assert error == f"{tmp_path}/root: File too large; make room and repeat the command, it goes on where it stopped"
    host.seen.clear()
    prepared("tiny", *by_hand)
    assert content(tmp_path / "root") == images("train", TRAIN) | images("valid", VALID)
    if not by_hand:
        assert host.seen[0].offset == 5_000


def test_on_the_command_line(host: Host, arguments: Callable[..., list[str]], tmp_path: Path) -> None:
    printed = succeed("data", "prepare", *arguments("tiny"), cwd=tmp_path)
    assert printed.splitlines()[-1].startswith("Next: make train data=div2k data.root=")
    done = run("data", "prepare", *arguments("tny"), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("igconv-sr: there is no data set 'tny'; did you mean tiny?")
    assert done.stderr.count("\n") == 1


def test_help_is_quick_and_lists_the_sets(tmp_path: Path) -> None:
    assert "prepare" in succeed("data", "--help", cwd=tmp_path)
    printed = succeed("data", "prepare", "--help", cwd=tmp_path)
    assert "lsdir       LSDIR, 84,991 images" in printed
    done = run("data", "chek", cwd=tmp_path)
    assert done.returncode == 2
    assert "data has no subcommand 'chek'" in done.stderr
