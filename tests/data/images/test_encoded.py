"""Files and shards decoded on demand give the crops of the decoded store, bit for bit."""

import io
import pickle
import shlex
import shutil
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from igconv_sr.commands.sentences import explain
from igconv_sr.data.batches.crops import CropBatch, Layout, MixedScaleCrops, StepSampler
from igconv_sr.data.images.encoded import index_images
from igconv_sr.data.images.storage import check_storage, open_images
from igconv_sr.data.images.store import ImageSource, build_store
from igconv_sr.data.prepare import shards as shards_command
from igconv_sr.data.prepare.shards import write_shards
from igconv_sr.data.sources.walk import list_images, list_shards
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of classes as ImageNet's, in several formats, one of them lying on its side."""
    folder, random = tmp_path_factory.mktemp("tree"), np.random.default_rng(0)
    for number, suffix in enumerate(("jpg", "png", "webp", "jpg", "tif", "png", "JPEG")):
        path = folder / f"n0{number % 3}" / f"ünï{number}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        pixels = random.integers(256, size=(30 + 3 * number, 50 - number, 3), dtype=np.uint8)
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 3 else 1
        Image.fromarray(pixels).save(path, exif=exif)
    return folder


@pytest.fixture(scope="module")
def files(root: Path) -> list[Path]:
    return list_images(root)


@pytest.fixture(scope="module", params=["loose files", "one shard", "small shards"])
def encoded(
    request: pytest.FixtureRequest, root: Path, files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> ImageSource:
    folder = tmp_path_factory.mktemp("encoded")
    if request.param == "loose files":
        return open_images(files, folder / "cache", "encoded")
    shards = write_shards(files, root, folder / "shards", 10**9 if request.param == "one shard" else 5000)
    assert (len(shards) == 1) == (request.param == "one shard")
    return open_images(list_shards(folder / "shards"), folder / "cache", "encoded")


def flatten(batch: CropBatch) -> list[object]:
    return [list(map(tuple, batch.groups)), [crops.numpy().tobytes() for crops in batch.crops], batch.turns]


def crops(store: ImageSource) -> MixedScaleCrops:
    return MixedScaleCrops(store, (2, 3, 4), 6, "all", 5, Layout(12, 1, 0, 1))


def test_images_names_and_sizes(encoded: ImageSource, files: list[Path]) -> None:
    assert len(encoded) == len(encoded.names) == len(files)
    assert [Path(name).name for name in encoded.names] == [path.name for path in files]
    for index, path in enumerate(files):
        assert np.array_equal(encoded[index], read_rgb(path))
        assert tuple(encoded.sizes[index]) == read_rgb(path).shape[:2]


@pytest.mark.parametrize("workers", [0, 2])
def test_crops_are_those_of_the_decoded_store_from_any_step_on(
    encoded: ImageSource, files: list[Path], tmp_path: Path, workers: int
) -> None:
    """A resumed training starts its sampler at its step: nothing else says what is drawn."""
    decoded = crops(build_store(files, tmp_path / "cache"))
    whole = [flatten(decoded[step]) for step in range(12)]
    for start in (0, 7):
        loader = DataLoader(crops(encoded), batch_size=None, sampler=StepSampler(start), num_workers=workers)
        assert [flatten(batch) for batch in islice(loader, 5)] == whole[start : start + 5]


def test_pickles_carry_neither_pixels_nor_index(encoded: ImageSource, files: list[Path]) -> None:
    pickled = pickle.dumps(encoded)
    assert len(pickled) < 2000
    again = pickle.loads(pickled)  # noqa: S301 (our own bytes)
    assert list(again.names) == list(encoded.names)
    assert np.array_equal(again[2], read_rgb(files[2]))


def test_names_are_a_sequence(encoded: ImageSource) -> None:
    names = list(encoded.names)
    assert encoded.names[-1] == names[-1]
    assert encoded.names[1:4] == names[1:4]
    assert names[2] in encoded.names
    with pytest.raises(IndexError):
        encoded.names[len(names)]


def test_a_second_opening_reads_no_image_and_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path, cache = tmp_path / "x.png", tmp_path / "cache"
    Image.new("RGB", (4, 5)).save(path)
    folder = index_images([path], cache).folder
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert index_images([path], cache).folder == folder
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    Image.new("RGB", (40, 50)).save(path)
    assert index_images([path], cache).sizes.tolist() == [[50, 40]]


def test_the_same_files_give_the_same_shards_and_index(tmp_path: Path, root: Path, files: list[Path]) -> None:
    shards = [write_shards(files, root, tmp_path / name, 5000) for name in "ab"]
    assert [path.read_bytes() for path in shards[0]] == [path.read_bytes() for path in shards[1]]
    assert [path.name for path in (tmp_path / "a").iterdir() if path.suffix != ".tar"] == ["shards.txt"]
    assert (tmp_path / "a" / "shards.txt").read_text().split() == [path.name for path in shards[0]]
    for path in shards[0]:
        with tarfile.open(path) as tar:  # another reader finds the files as they were
            for entry in tar:
                extracted = tar.extractfile(entry)
                assert extracted is not None
                assert extracted.read() == (root / entry.name).read_bytes()


def write_tar(path: Path, content: dict[str, bytes], mode: str = "w:") -> None:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def test_labels_and_links_in_shards_are_left_out_and_nothing_is_unpacked(tmp_path: Path, files: list[Path]) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w:") as tar:
        for name, data in {"0.cls": b"7", "../../0.jpg": files[0].read_bytes(), "0.json": b"{}"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("1.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    store = index_images([path], tmp_path / "cache")
    assert list(store.names) == ["../../0.jpg"]
    assert np.array_equal(store[0], read_rgb(files[0]))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20480])


def without_end(path: Path) -> None:
    """As a copy that was cut off between two files."""
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content + b"\0" * (-len(content) % 512))


BROKEN = {
    "gone": "does not exist",
    "empty": "uncompressed tar file",
    "text": "uncompressed tar file",
    "compressed": "uncompressed tar file",
    "cut": "uncompressed tar file",
    "end": "cut short",
    "no image": "holds no image",
    "bad image": "x.tar: 0.jpg is not an image",
}


def write_broken(path: Path, kind: str, image: bytes) -> None:
    match kind:
        case "empty" | "text":
            path.write_bytes(b"no tar" * 500 * (kind == "text"))
        case "compressed":
            write_tar(path, {"0.jpg": image}, "w:gz")
        case "cut":
            write_tar(path, {"0.jpg": image, "1.jpg": image * 20})
            cut(path)
        case "end":
            write_tar(path, {"0.jpg": image})
            without_end(path)
        case "no image":
            write_tar(path, {"0.cls": b"7"})
        case "bad image":
            write_tar(path, {"0.jpg": b"7"})


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_shards_are_refused_in_one_line(tmp_path: Path, files: list[Path], kind: str) -> None:
    write_broken(tmp_path / "x.tar", kind, files[0].read_bytes())
    with pytest.raises(InputError, match=BROKEN[kind]) as caught:
        index_images([tmp_path / "x.tar"], tmp_path / "cache")
    assert "x.tar" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("cache/index/*"))


@pytest.mark.parametrize("change", ["damaged", "gone", "other size"])
def test_a_file_that_fails_in_a_worker_is_named_in_one_line(tmp_path: Path, change: str) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8)).save(path)
    store = index_images([path], tmp_path / "cache")
    if change == "damaged":
        path.write_bytes(path.read_bytes()[:-100] + b"\0" * 100)
    elif change == "gone":
        path.unlink()
    else:
        Image.new("RGB", (30, 30)).save(path)
    loader = DataLoader(crops(store), batch_size=None, sampler=StepSampler(0), num_workers=1)
    with pytest.raises(InputError) as caught:
        next(iter(loader))
    line = explain(caught.value, "train", [])
    assert line is not None
    assert line.startswith(str(path))
    assert "\n" not in line


def test_shards_are_not_decoded_by_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.tar is a shard.*data\.storage=encoded"):
        check_storage("decoded", [tmp_path / "x.tar"])
    with pytest.raises(InputError, match="must be decoded or encoded, got 'lmdb'"):
        check_storage("lmdb", [tmp_path / "x.png"])  # type: ignore[arg-type]


def test_the_command_packs_a_folder_and_never_into_one_in_use(tmp_path: Path, root: Path, files: list[Path]) -> None:
    (tmp_path / "packed.partial").mkdir()
    (tmp_path / "packed.partial" / "000009.tar").write_text("of an attempt that was killed")
    shards_command.main([str(root), str(tmp_path / "packed")])
    packed = open_images(list_shards(tmp_path / "packed"), tmp_path / "cache", "encoded")
    assert [np.array_equal(packed[i], read_rgb(path)) for i, path in enumerate(files)] == [True] * len(files)
    assert not (tmp_path / "packed.partial").exists()
    with pytest.raises(InputError, match="exists already"):
        shards_command.main([str(root), str(tmp_path / "packed")])


def test_only_what_a_folder_is_trained_on_is_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LR and validation images in shards would be trained on as HR ones."""
    for name in (
        "DIV2K_train_HR/0001",
        "DIV2K_train_HR/0002",
        "DIV2K_valid_HR/0801",
        "DIV2K_train_LR_bicubic/X2/0001x2",
    ):
        path = tmp_path / "DIV2K" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    shards_command.main([str(tmp_path / "DIV2K"), str(tmp_path / "shards")])
    with tarfile.open(tmp_path / "shards" / "000000.tar") as shard:
        assert shard.getnames() == ["DIV2K_train_HR/0001.png", "DIV2K_train_HR/0002.png"]
    assert "Notice: 2 of the images are not packed: LR images, or of validation" in capsys.readouterr().out


def test_the_command_leaves_nothing_of_an_attempt_that_failed(tmp_path: Path, root: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(root, folder)
    (folder / "z.png").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"z\.png does not exist"):
        shards_command.main([str(folder), str(tmp_path / "packed")])
    assert list(tmp_path.iterdir()) == [folder]


def test_the_command_writes_where_a_link_to_an_empty_folder_leads(tmp_path: Path, root: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    shards_command.main([str(root), str(tmp_path / "link")])
    assert list_shards(tmp_path / "real")
    assert (tmp_path / "link").is_symlink()


def test_the_command_writes_into_an_empty_folder_called_by_a_dot(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    shards_command.main([str(root), "."])
    assert list_shards(tmp_path / "here")


def test_the_size_of_a_shard_is_above_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        shards_command.main([str(tmp_path), str(tmp_path / "packed"), "--shard-size", "-3"])
    assert "'-3' is not a whole number above 0" in capsys.readouterr().err


def test_the_printed_command_survives_the_shell(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards_command.main([str(files[0].parent), str(tmp_path / "my shards")])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("Train: "))
    assert f"data.root={tmp_path / 'my shards'}" in shlex.split(line)
