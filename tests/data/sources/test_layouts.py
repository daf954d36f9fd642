"""Every layout in use: the sets are found and each HR file gets its own LR file."""

import os
import random
import time
from pathlib import Path

import pytest

from conftest import shared
from igconv_sr.data.sources.layouts import ImageSet, find_sets
from igconv_sr.data.sources.walk import list_images
from igconv_sr.errors import InputError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def pairs(found: ImageSet, root: Path) -> dict[int, dict[str, str]]:
    """Scale → HR file → LR file, below the root."""
    return {
        scale: {str(hr.relative_to(root)): str(lr.relative_to(root)) for hr, lr in files.items()}
        for scale, files in found.lr_files.items()
    }


LAYOUTS: dict[str, tuple[str, str | None, dict[int, dict[str, str]]]] = {
    "as DIV2K is published": (
        "DIV2K_train",
        "train",
        {
            2: {"DIV2K_train_HR/0001.png": "DIV2K_train_LR_bicubic/X2/0001x2.png"},
            4: {"DIV2K_train_HR/0001.png": "DIV2K_train_LR_bicubic/X4/0001x4.png"},
        },
    ),
    "as archives that unpack one folder per scale": (
        "DIV2K_valid",
        "valid",
        {8: {"DIV2K/DIV2K_valid_HR/0801.png": "DIV2K/DIV2K_valid_LR_x8/0801x8.png"}},
    ),
    "Flickr2K": (
        "Flickr2K",
        "train",
        {2: {"Flickr2K/Flickr2K_HR/000001.png": "Flickr2K/Flickr2K_LR_bicubic/X2/000001x2.png"}},
    ),
    "DF2K in one folder": (
        "DF2K",
        "train",
        {3: {"DF2K/HR/0001.png": "DF2K/LR_bicubic/X3/0001x3.png"}},
    ),
    "sub-images of BasicSR": (
        "DIV2K_train",
        "train",
        {2: {"DIV2K_train_HR_sub/0001_s001.png": "DIV2K_train_LR_bicubic/X2_sub/0001_s001.png"}},
    ),
    "benchmarks of BasicSR": (
        "Set5",
        "benchmark",
        {
            2: {"Set5/GTmod12/baby.png": "Set5/LRbicx2/baby.png"},
            4: {"Set5/GTmod12/baby.png": "Set5/LRbicx4/baby.png"},
        },
    ),
    "one cropping per scale": (
        "Set5",
        "benchmark",
        {
            2: {"Set5/GTmod2/baby.png": "Set5/LRbicx2/baby.png"},
            3: {"Set5/GTmod3/baby.png": "Set5/LRbicx3/baby.png"},
        },
    ),
    "benchmarks of EDSR": (
        "Set5",
        "benchmark",
        {4: {"benchmark/Set5/HR/baby.png": "benchmark/Set5/LR_bicubic/X4/babyx4.png"}},
    ),
    "no set that is known": (
        "Mine",
        None,
        {4: {"Mine/HR/baby.png": "Mine/LR_bicubic/X4/babyx4.png"}},
    ),
    "RCAN": (
        "Set5",
        "benchmark",
        {
            2: {"TestDataSR/HR/Set5/x2/baby_HR_x2.png": "TestDataSR/LR/LRBI/Set5/x2/baby_LRBI_x2.png"},
            3: {"TestDataSR/HR/Set5/x3/baby_HR_x3.png": "TestDataSR/LR/LRBI/Set5/x3/baby_LRBI_x3.png"},
        },
    ),
    "MMEditing": (
        "Set5",
        "benchmark",
        {2: {"val_set5/Set5/baby.png": "val_set5/Set5_bicLRx2/baby.png"}},
    ),
    "validation images of LSDIR": (
        "LSDIR",
        "valid",
        {2: {"LSDIR/val1/HR/val/0000001.png": "LSDIR/val1/X2/val/0000001x2.png"}},
    ),
    "shards of LSDIR, and several scales in one folder": (
        "LSDIR",
        "train",
        {
            2: {
                "LSDIR/train_hr/0001000/1.png": "LSDIR/train_lr/0001000/1x2.png",
                "LSDIR/train_hr/0002000/1.png": "LSDIR/train_lr/0002000/1x2.png",
            },
            3: {
                "LSDIR/train_hr/0001000/1.png": "LSDIR/train_lr/0001000/1x3.png",
                "LSDIR/train_hr/0002000/1.png": "LSDIR/train_lr/0002000/1x3.png",
            },
        },
    ),
    "LSDIR with a folder per scale": (
        "LSDIR",
        "train",
        {2: {"LSDIR/HR/train/0001000/1.png": "LSDIR/X2/train/0001000/1x2.png"}},
    ),
    "JPEG files with PNG versions": (
        "Mine",
        None,
        {2: {"Mine/HR/a.jpg": "Mine/LR_bicubic/X2/ax2.png"}},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_found_and_paired(tmp_path: Path, layout: str) -> None:
    name, split, expected = LAYOUTS[layout]
    files = {file for some in expected.values() for pair in some.items() for file in pair}
    (found,) = find_sets(touch(tmp_path / "root", *files))
    assert (found.name, found.split) == (name, split)
    assert pairs(found, tmp_path / "root") == expected
    assert not found.unpaired
    assert not found.unused_hr
    assert not found.unused_lr
    for scale, some in expected.items():
        hr = found.own_files.get(scale, found.files)
        assert [str(path.relative_to(tmp_path / "root")) for path in hr] == sorted(some)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folder_of_hr_files_finds_the_lr_files_beside_it(tmp_path: Path, layout: str) -> None:
    expected = LAYOUTS[layout][2]
    if layout == "MMEditing":
        pytest.skip("its folder of HR files has a name like any other")
    root = touch(tmp_path / "root", *(file for some in expected.values() for pair in some.items() for file in pair))
    for scale, some in expected.items():
        folder = (root / next(iter(some))).parent
        if "LSDIR" in layout:
            folder = root / "LSDIR" / {"v": "val1/HR", "s": "train_hr", "L": "HR"}[layout[0]]
        (found,) = find_sets(folder)
        assert pairs(found, root)[scale] == some


def test_rcans_set_is_found_from_its_own_folder(tmp_path: Path) -> None:
    names = [f"HR/{name}/x2/a_HR_x2.png" for name in ("Set5", "B100")]
    touch(tmp_path, *names, *(name.replace("HR/", "LR/LRBI/").replace("_HR_", "_LRBI_") for name in names))
    (found,) = find_sets(tmp_path / "HR" / "B100")
    assert (found.name, pairs(found, tmp_path)) == ("B100", {2: {names[1]: "LR/LRBI/B100/x2/a_LRBI_x2.png"}})


def test_several_sets_below_one_root(tmp_path: Path) -> None:
    touch(tmp_path, "DIV2K/DIV2K_train_HR/0001.png", "DIV2K/DIV2K_valid_HR/0801.png", "Flickr2K/Flickr2K_HR/000001.png")
    touch(tmp_path, "benchmark/Set5/HR/baby.png", "LSDIR/train/0001000/1.png", "LSDIR/train/0002000/2.png")
    found = {(each.name, each.split, len(each.files), each.expected) for each in find_sets(tmp_path)}
    assert found == {
        ("DIV2K_train", "train", 1, 800),
        ("DIV2K_valid", "valid", 1, 100),
        ("Flickr2K", "train", 1, 2650),
        ("Set5", "benchmark", 1, 5),
        ("LSDIR", "train", 2, 84991),
    }


def test_a_missing_lr_file_keeps_its_place_and_a_stray_one_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "HR/a.png", "HR/b.png", "LR_bicubic/X2/ax2.png", "LR_bicubic/X2/cx2.png")
    (found,) = find_sets(tmp_path)
    assert pairs(found, tmp_path) == {2: {"HR/a.png": "LR_bicubic/X2/ax2.png", "HR/b.png": "LR_bicubic/X2/bx2.png"}}
    assert found.unpaired == (tmp_path / "LR_bicubic" / "X2" / "cx2.png",)


def test_other_reductions_and_hr_versions_are_not_mixed_in(tmp_path: Path) -> None:
    touch(tmp_path, "DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X2/0001x2.png")
    touch(tmp_path, "DIV2K_train_LR_unknown/X2/0001x2.png", "DIV2K_train_LR_mild/0001x4m.png")
    (found,) = find_sets(tmp_path)
    assert list(found.lr_files) == [2]
    assert {path.name for path in found.unused_lr} == {"X2", "DIV2K_train_LR_mild"}
    touch(tmp_path / "Set5", "original/a.png", "GTmod12/a.png", "LRbicx4/a.png")
    (set5,) = find_sets(tmp_path / "Set5")
    assert (set5.folder.name, [path.name for path in set5.unused_hr]) == ("GTmod12", ["original"])


def test_sub_images_count_once_per_image(tmp_path: Path) -> None:
    (found,) = find_sets(touch(tmp_path, *(f"DIV2K_train_HR_sub/000{n}_s00{k}.png" for n in (1, 2) for k in (1, 2, 3))))
    assert (len(found.files), found.originals, found.sub_images) == (6, 2, True)


def test_classes_of_imagenet_are_one_set(tmp_path: Path) -> None:
    touch(tmp_path / "ILSVRC2012", "train/n01/a.JPEG", "train/n02/b.JPEG", "val/n01/c.JPEG")
    train, valid = find_sets(tmp_path / "ILSVRC2012")
    assert [(each.known.title if each.known else "", each.split, len(each.files)) for each in (train, valid)] == [
        ("ImageNet", "train", 2),
        ("ImageNet", "valid", 1),
    ]
    (alone,) = find_sets(tmp_path / "ILSVRC2012" / "train")
    assert (alone.known, alone.split, len(alone.files)) == (train.known, "train", 2)


def test_the_names_of_folders_above_say_nothing(tmp_path: Path) -> None:
    (found,) = find_sets(touch(tmp_path / "test" / "contest_2", "a.png", "deep/b.png"))
    assert (found.name, found.split, len(found.files)) == ("contest_2", None, 2)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "0001.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "DIV2K_train_HR").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "root")
    (tmp_path / "elsewhere" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    files = [str(path.relative_to(tmp_path / "root")) for path in list_images(tmp_path / "root")]
    assert files == ["DIV2K_train_HR/0001.png", "DIV2K_train_HR/gone.png"]


def test_order_is_that_of_sorted_paths(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a/z.png", "a/b/c.png", "a-1.png", "a.png", "c/d.JPG", "a b/x.png")
    assert list_images(tmp_path) == sorted(path for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_benchmarks_of_the_reference_material(name: str) -> None:
    (found,) = find_sets(shared("data", "benchmarks", name))
    assert (found.known.title if found.known else "", found.split, len(found.files)) == (
        name,
        "benchmark",
        found.expected,
    )
    assert {scale: len(files) for scale, files in found.lr_files.items()} == dict.fromkeys((2, 3, 4), found.expected)
    for scale, files in found.lr_files.items():
        assert all(lr.name == f"{hr.stem}x{scale}.png" and lr.is_file() for hr, lr in files.items())


def test_whole_reference_folder(tmp_path: Path) -> None:
    found = {(each.name, each.split, len(each.files)) for each in find_sets(shared("data"))}
    assert {("Set5", "benchmark", 5), ("Set14", "benchmark", 14), ("T91", "train", 90)} <= found


@pytest.mark.parametrize("seed", range(30))
def test_no_file_of_any_tree_is_lost_nor_counted_twice(tmp_path: Path, seed: int) -> None:
    folders = ("HR", "LR", "LR_bicubic", "X2", "x3", "X4_sub", "GTmod12", "GTmod2", "original", "Set5", "train", "val1")
    folders += ("DIV2K", "DIV2K_train_HR", "DIV2K_train_LR_bicubic", "DIV2K_valid_HR", "LRbicx4", "Mine", "LRBI", "n01")
    names = ("0001.png", "0801.png", "0001x2.png", "0001x4.png", "baby_HR_x2.png", "baby_LRBI_x2.png", "0001_s001.png")
    choose = random.Random(seed)
    files = {"/".join((*choose.choices(folders, k=choose.randint(0, 4)), choose.choice(names))) for _ in range(9)}
    sets = find_sets(touch(tmp_path, *files))
    used: list[Path] = []
    for found in sets:
        own = {path for some in found.own_files.values() for path in some}
        lr = {path for pairs in found.lr_files.values() for path in pairs.values() if path.exists()}
        used += {*found.files, *own, *lr, *found.unpaired}
    assert len(used) == len(set(used))
    left = {tmp_path / file for file in files}.difference(used)
    unused = [folder for found in sets for folder in (*found.unused_hr, *found.unused_lr)]
    assert all(any(folder in path.parents for folder in unused) for path in left)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    for name in ("missing", "DIV2K_train_HR"):
        with pytest.raises(InputError, match=f"{name} is not a folder"):
            find_sets(tmp_path / name)


@pytest.mark.slow
def test_a_tree_of_200000_files_takes_seconds(tmp_path: Path) -> None:
    for folder in range(200):
        (tmp_path / f"n{folder:08}").mkdir()
        for number in range(1000):
            (tmp_path / f"n{folder:08}" / f"{number}.JPEG").touch()
    start = time.perf_counter()
    (found,) = find_sets(tmp_path)
    assert len(found.files) == 200_000
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("name", [b"root/stra\xdfe.png", b"root/\xfcber/a.png", b"r\xfct/a.png"])
def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_computed(tmp_path: Path, name: bytes) -> None:
    """A training would end with a traceback where it writes its results."""
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(InputError, match="the name is not UTF-8; rename it"):
        find_sets(tmp_path / path.relative_to(tmp_path).parts[0])
