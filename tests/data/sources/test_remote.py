"""Shards behind HTTP give the crops of the same images on this machine, whatever the network does."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from command_line import run
from igconv_sr.data.batches.crops import Layout, MixedScaleCrops, StepSampler
from igconv_sr.data.images.storage import check_storage, open_images
from igconv_sr.data.images.store import build_store
from igconv_sr.data.prepare.shards import write_shards
from igconv_sr.data.sources import remote
from igconv_sr.data.sources.remote import remote_shards
from igconv_sr.data.sources.walk import list_images
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb
from serving import Host, serving


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder, random = tmp_path / "photographs", np.random.default_rng(0)
    folder.mkdir()
    for number in range(6):
        pixels = random.integers(256, size=(50 + number, 60 - number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return list_images(folder)


@pytest.fixture
def host(files: list[Path], tmp_path: Path) -> Iterator[Host]:
    with serving() as host:
        write_shards(files, tmp_path, tmp_path / "shards", 20_000)
        host.files = {f"set/{path.name}": path.read_bytes() for path in (tmp_path / "shards").iterdir()}
        assert len(host.files) == 4, "three shards and their list"
        yield host


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WAITS", (0.0, 0.0))


@pytest.mark.parametrize("workers", [0, 2])
def test_crops_are_those_of_the_same_images_here(host: Host, files: list[Path], tmp_path: Path, workers: int) -> None:
    layout = Layout(12, 1, 0, 1)
    here = MixedScaleCrops(build_store(files, tmp_path / "a"), (2, 3, 4), 6, "all", 5, layout)
    store = open_images(remote_shards(host.url("set")), tmp_path / "b", "encoded")
    assert list(store.names) == [f"photographs/{path.name}" for path in files]
    there = MixedScaleCrops(store, (2, 3, 4), 6, "all", 5, layout)
    loader = DataLoader(there, batch_size=None, sampler=StepSampler(3), num_workers=workers)
    for step, batch in enumerate(islice(loader, 4), start=3):
        assert list(map(tuple, batch.groups)) == list(map(tuple, here[step].groups))
        assert all(np.array_equal(a, b) for a, b in zip(batch.crops, here[step].crops, strict=True))


def test_an_image_takes_one_request_for_its_bytes_alone(host: Host, files: list[Path], tmp_path: Path) -> None:
    store = open_images(remote_shards(host.url("set")), tmp_path / "cache", "encoded")
    host.seen.clear()
    assert np.array_equal(store[4], read_rgb(files[4]))
    (seen,) = host.seen
    first, last = map(int, seen.headers["Range"].removeprefix("bytes=").split("-"))
    assert last + 1 - first == files[4].stat().st_size


def test_failures_that_pass_are_borne(host: Host, files: list[Path], tmp_path: Path) -> None:
    store = open_images(remote_shards(host.url("set")), tmp_path / "cache", "encoded")
    host.drop_after, host.drops = 100, 1
    host.statuses = [503]
    assert np.array_equal(store[0], read_rgb(files[0]))
    assert (host.drops, host.statuses) == (0, [])


def test_failures_that_pass_are_borne_while_sizes_are_read(host: Host, files: list[Path], tmp_path: Path) -> None:
    shards = remote_shards(host.url("set"))
    host.drop_after, host.drops = 2000, 2
    assert len(open_images(shards, tmp_path / "cache", "encoded")) == len(files)
    assert host.drops == 0
    host.drops = None
    with pytest.raises(InputError, match=r"set/00000\d\.tar could not be read in 3 tries"):
        open_images(shards, tmp_path / "other", "encoded")


def test_what_does_not_pass_is_one_line(host: Host, tmp_path: Path) -> None:
    shards = remote_shards(host.url("set"))
    store = open_images(shards, tmp_path / "cache", "encoded")
    host.drop_after = 10
    with pytest.raises(InputError, match=r"set/000000\.tar could not be read in 3 tries"):
        store[0]
    host.drop_after, host.ranges = None, False
    with pytest.raises(InputError, match=r"^http\S+/set/000000\.tar: its server does not serve ranges"):
        store[0]
    with pytest.raises(InputError, match=r"nowhere/shards\.txt does not exist"):
        remote_shards(host.url("nowhere"))
    with pytest.raises(InputError, match=r"cannot be read: .*nosuch"):
        remote_shards("nosuch://host/set")
    with pytest.raises(InputError, match=r"000000\.tar is a shard"):
        check_storage("decoded", shards)


def test_a_changed_shard_is_noticed(host: Host, tmp_path: Path) -> None:
    shards, cache = remote_shards(host.url("set")), tmp_path / "cache"
    before = open_images(shards, cache, "encoded").folder
    assert open_images(shards, cache, "encoded").folder == before
    host.files["set/000000.tar"] = host.files["set/000001.tar"]
    assert open_images(shards, cache, "encoded").folder != before


@pytest.mark.slow
def test_a_training_reads_them(host: Host, files: list[Path], tmp_path: Path) -> None:
    tiny = ["model.num_feat=8", "model.num_block=1", "data.lr_patch_size=12", "debug=fast", "data.num_workers=1"]
    given = ["data=remote", f"data.root={host.url('set')}", f"data.valid_folder={files[0].parent}"]
    done = run("train", *given, *tiny, "paths.output_dir=out", "trainer.accelerator=cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "remote, 3 shards from http://127.0.0.1" in done.stdout
    assert (tmp_path / "out" / "results.csv").is_file()
