"""Killing a build at any moment, or running two at once, ends with the bytes of an undisturbed one."""

import contextlib
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

from igconv_sr.data.images import cache_folder
from igconv_sr.data.images import store as store_module
from igconv_sr.data.images.store import build_store, store_folder
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb
from igconv_sr.system.lock import alone

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
FORK = multiprocessing.get_context("fork")
IMAGES = 60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures that take milliseconds each."""
    folder, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    paths = [folder / f"{n:02}.png" for n in range(IMAGES)]
    for number, path in enumerate(paths):
        pixels = random.integers(256, size=(200 + number, 220, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path, compress_level=1)
    return paths


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SHARD_BYTES", 10 * 220 * 200 * 3)
    monkeypatch.setattr(store_module, "_FEW", 10)  # so that sizes too are read by all cores


def start(files: list[Path], cache: Path) -> ForkProcess:
    process = FORK.Process(target=_build, args=(files, cache))
    process.start()
    return process


def _build(files: list[Path], cache: Path) -> None:
    # A fork shares the lock of tqdm's bars with this process, which a killed one would never give back.
    tqdm.set_lock(multiprocessing.RLock())
    build_store(files, cache)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    return condition()


def alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize("moment", ["folder", "first pixels", 1, 3, "last"])
def test_killed_builds_are_continued_to_the_same_bytes(tmp_path: Path, files: list[Path], moment: int | str) -> None:
    undisturbed = content(build_store(files, tmp_path / "undisturbed").folder)
    cache = tmp_path / "cache"
    partial = Path(f"{store_folder(files, cache)}.partial")
    finished = lambda: sorted(partial.glob("*.u8"))  # noqa: E731
    reached: dict[int | str, Callable[[], bool]] = {
        "folder": partial.is_dir,
        "first pixels": lambda: any(partial.glob("*.u8.partial")),
        1: lambda: len(finished()) >= 1,
        3: lambda: len(finished()) >= 3,
        "last": lambda: len(finished()) >= len(undisturbed) - 2,
    }
    process = start(files, cache)
    assert wait_until(reached[moment])
    workers = children(process.pid)
    assert workers or isinstance(moment, str)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it had ended before: the test has missed what it is for"
    assert not store_folder(files, cache).exists()
    assert wait_until(lambda: not any(map(alive, workers)), 5), "workers have outlived their parent"
    kept = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in finished()}
    assert len(kept) >= (moment if isinstance(moment, int) else 0)

    store = build_store(files, cache)
    assert content(store.folder) == undisturbed
    for name, identity in kept.items():
        status = (store.folder / name).stat()
        assert (status.st_ino, status.st_mtime_ns) == identity, "a finished shard was made again"
    assert [path.name for path in (cache / "store").iterdir()] == [store.folder.name]
    assert not list((cache / "locks").iterdir())


def test_killed_over_and_over(tmp_path: Path, files: list[Path]) -> None:
    cache = tmp_path / "cache"
    folder = store_folder(files, cache)
    kills = 0
    for milliseconds in (20, 60, 100, 140, 180, 220, 260, 300):
        process = start(files, cache)
        time.sleep(milliseconds / 1000)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += not folder.exists()
    assert kills, "no kill came in time"
    assert content(build_store(files, cache).folder) == content(build_store(files, tmp_path / "other").folder)


def test_leftovers_of_another_set_are_removed_unless_in_use(tmp_path: Path, files: list[Path]) -> None:
    cache = tmp_path / "cache"
    left, used = (cache / "store" / f"{name}.partial" for name in ("left", "used"))
    for folder in (left, used):
        folder.mkdir(parents=True)
        (folder / "pixels-00000.u8").touch()
    (cache / "locks").mkdir()
    with FileLock(cache / "locks" / "used.lock"):
        build_store(files[:2], cache)
        assert not left.exists()
        assert used.exists()
    build_store(files[2:4], cache)
    assert not used.exists()


def test_leftovers_that_another_process_finishes_or_removes_first_are_no_matter(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "cache" / "store" / "left.partial"
    left.mkdir(parents=True)

    @contextlib.contextmanager
    def too_late(path: Path, *waiting: str) -> Iterator[None]:
        with alone(path, *waiting):
            if path.name == "left.lock":
                left.rename(left.with_name("left"))
            yield

    monkeypatch.setattr(cache_folder, "alone", too_late)
    assert len(build_store(files[:2], tmp_path / "cache")) == 2
    assert left.with_name("left").is_dir()


def build_and_report(files: list[Path], cache: Path, log: Path) -> None:
    with log.open("w") as file, contextlib.redirect_stdout(file):
        build_store(files, cache)


def test_the_second_process_waits_and_says_so(tmp_path: Path, files: list[Path]) -> None:
    cache, log = tmp_path / "cache", tmp_path / "log"
    lock = cache / "locks" / f"{store_folder(files, cache).name}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        process = FORK.Process(target=build_and_report, args=(files, cache, log))
        process.start()
        assert wait_until(lambda: log.exists() and "waiting" in log.read_text())
        assert not list((cache / "store").iterdir())
    process.join(timeout=60)
    assert process.exitcode == 0
    assert len(log.read_text().splitlines()) == 1
    assert np.array_equal(build_store(files, cache)[0], read_rgb(files[0]))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB, where the system lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def build_and_send_error(files: list[Path], cache: Path, result: Connection) -> None:
    try:
        build_store(files, cache)
    except InputError as error:
        result.send(str(error))


def test_a_disk_that_fills_up_meanwhile_is_one_line_and_nothing_is_left(small_disk: Path, files: list[Path]) -> None:
    cache, files = small_disk / "cache", files * 4
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=build_and_send_error, args=(files, cache, theirs))
    process.start()
    assert wait_until(lambda: any(cache.glob("store/*.partial/*.u8")))
    with contextlib.suppress(OSError), (small_disk / "hog").open("wb", buffering=0) as hog:
        while True:
            os.posix_fallocate(hog.fileno(), hog.seek(0, os.SEEK_END), 2**16)
    assert ours.poll(60)
    line = ours.recv()
    process.join()
    assert re.fullmatch(r"the decoded images take 0\.0\d GiB, but .* has 0\.00 GiB left; .*paths\.cache_dir=…", line)
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert list((cache / "store").iterdir()) == []


def test_the_space_of_an_unfinished_shard_counts_as_free(small_disk: Path, files: list[Path]) -> None:
    cache = small_disk / "cache"
    unfinished = Path(f"{store_folder(files, cache)}.partial") / "pixels-00000.u8.partial"
    unfinished.parent.mkdir(parents=True)
    with unfinished.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 60 * 2**20)
    assert len(build_store(files, cache)) == IMAGES


def peak_of_build(files: list[Path], cache: Path, result: Connection) -> None:
    build_store(files, cache)
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result.send([kibibytes * 1024 for kibibytes in usage])


def test_memory_does_not_grow_with_the_set(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (1000, 1000), (1, 2, 3)).save(path, compress_level=1)
    peaks = []
    for count in (8, 120):
        ours, theirs = FORK.Pipe()
        process = FORK.Process(target=peak_of_build, args=([path] * count, tmp_path / str(count), theirs))
        process.start()
        peaks.append(ours.recv())
        process.join()
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.u8")) == 128 * 3_000_000
    for small, large in zip(*peaks, strict=True):
        assert large - small < 60 * 2**20
