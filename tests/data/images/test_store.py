"""The store holds the decoded pixels, notices changed files, and is there whole or not at all."""

import multiprocessing
import os
import pickle
import shutil
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igconv_sr.data.images import store as store_module
from igconv_sr.data.images.store import build_store
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb

SIZES = [(5, 9), (16, 3), (1, 1), (40, 32), (7, 7)]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Pictures of several sizes and formats."""
    random = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    paths = [folder / f"picture{n}.{suffix}" for n, suffix in enumerate(("png", "jpg", "bmp", "tif", "webp"))]
    for path, (height, width) in zip(paths, SIZES, strict=True):
        Image.fromarray(random.integers(256, size=(height, width, 3), dtype=np.uint8)).save(path)
    return paths


def everything_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_pixels_names_and_order_are_those_of_the_files(tmp_path: Path, files: list[Path]) -> None:
    store = build_store(files[::-1], tmp_path / "cache")
    assert len(store) == len(files)
    assert store.names == [path.name for path in files[::-1]]
    assert store.sizes.tolist() == [list(size) for size in SIZES[::-1]]
    for index, path in enumerate(files[::-1]):
        assert np.array_equal(store[index], read_rgb(path))


def test_more_images_than_threads_keep_their_order(tmp_path: Path) -> None:
    count = 3 * (os.cpu_count() or 1) + 1
    paths = [tmp_path / f"{n}.png" for n in range(count)]
    for value, path in enumerate(paths):
        Image.new("RGB", (value % 5 + 1, 2), (value, 0, 0)).save(path)
    store = build_store(paths, tmp_path / "cache")
    assert [int(store[index][0, 0, 0]) for index in range(count)] == list(range(count))


def test_pixels_cannot_be_overwritten(tmp_path: Path, files: list[Path]) -> None:
    image = build_store(files, tmp_path / "cache")[0]
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0, 0] = 1


def test_a_second_build_decodes_nothing(tmp_path: Path, files: list[Path]) -> None:
    cache = tmp_path / "cache"
    build_store(files, cache)
    before = {path: path.stat().st_mtime_ns for path in everything_below(cache)}
    status = files[0].stat()
    files[0].write_bytes(b"\0" * status.st_size)  # would not decode
    os.utime(files[0], ns=(status.st_atime_ns, status.st_mtime_ns))
    build_store(files, cache)
    assert {path: path.stat().st_mtime_ns for path in everything_below(cache)} == before


@pytest.mark.parametrize("change", ["size", "pixels", "removed", "added", "order"])
def test_changed_sources_are_noticed(tmp_path: Path, files: list[Path], change: str) -> None:
    cache = tmp_path / "cache"
    build_store(files, cache)
    if change == "size":
        Image.new("RGB", (5, 9), (1, 2, 3)).save(files[0])
    elif change == "pixels":
        before = files[2].stat()
        Image.new("RGB", (1, 1), (1, 2, 3)).save(files[2])
        assert files[2].stat().st_size == before.st_size
        os.utime(files[2], ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    elif change == "removed":
        files = files[1:]
    elif change == "added":
        files = [*files, files[0].with_name("more.png")]
        Image.new("RGB", (2, 2), (9, 9, 9)).save(files[-1])
    else:
        files = files[::-1]
    store = build_store(files, cache)
    assert store.names == [path.name for path in files]
    for index, path in enumerate(files):
        assert np.array_equal(store[index], read_rgb(path))


@pytest.mark.parametrize("damage", ["no picture", "cut short"])
def test_a_failing_build_leaves_nothing(tmp_path: Path, files: list[Path], damage: str) -> None:
    """A damaged header shows when sizes are read, missing pixels when they are decoded."""
    cache = tmp_path / "cache"
    files[0].write_bytes(b"no picture" if damage == "no picture" else files[0].read_bytes()[:-40])
    with pytest.raises(InputError, match=files[0].name):
        build_store(files, cache)
    assert [path for path in everything_below(cache) if path.is_file()] == []
    assert not list((cache / "store").iterdir())


def test_a_file_that_has_gone_is_named(tmp_path: Path, files: list[Path]) -> None:
    files[2].unlink()
    with pytest.raises(InputError, match=files[2].name):
        build_store(files, tmp_path / "cache")


def test_pickling_carries_no_pixels(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(256, size=(300, 200, 3), dtype=np.uint8)).save(path)
    store = build_store([path], tmp_path / "cache")
    assert store[0].nbytes == 180_000
    pickled = pickle.dumps(store)
    assert len(pickled) < 5_000
    assert np.array_equal(pickle.loads(pickled)[0], read_rgb(path))  # noqa: S301 (our own bytes)
    assert np.array_equal(store[0], read_rgb(path))


@pytest.mark.parametrize("limit", [1, 150, 2000, 10**6])
def test_shards_hold_whole_images_and_no_more_than_their_limit(
    tmp_path: Path, files: list[Path], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SHARD_BYTES", limit)
    store = build_store(files, tmp_path / "cache")
    monkeypatch.undo()  # an existing store says itself how it is divided
    for opened in (store, build_store(files, tmp_path / "cache")):
        assert all(np.array_equal(opened[index], read_rgb(path)) for index, path in enumerate(files))
    areas = [height * width * 3 for height, width in SIZES]
    shards = [path.stat().st_size for path in sorted(store.folder.glob("pixels*"))]
    assert sum(shards) == sum(areas)
    assert all(size <= limit or size in areas for size in shards)
    assert len(shards) == {1: 5, 150: 4, 2000: 3, 10**6: 1}[limit]


def test_no_images_larger_than_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "black.png"
    Image.new("1", (8000, 8000)).save(path)
    count = shutil.disk_usage(tmp_path).free // (3 * 8000 * 8000) + 5
    with pytest.raises(
        InputError, match=r"take \d+\.\d\d GiB, but .* has \d+\.\d\d GiB left.*paths\.cache_dir="
    ) as caught:
        build_store([path] * count, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "store").iterdir())


def build_with_others(barrier: Barrier, files: list[Path], cache: Path) -> None:
    barrier.wait(timeout=60)
    store = build_store(files, cache)
    assert all(np.array_equal(store[index], read_rgb(path)) for index, path in enumerate(files))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_may_build_the_same_store_at_once(tmp_path: Path, files: list[Path]) -> None:
    cache, context = tmp_path / "cache", multiprocessing.get_context("fork")
    for repetition in range(5):
        barrier = context.Barrier(3)
        processes = [
            context.Process(target=build_with_others, args=(barrier, files, cache / str(repetition))) for _ in range(3)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert len(list((cache / str(repetition) / "store").iterdir())) == 1, "something partial is left"
