"""What each data set trains and validates on, and what is refused."""

from pathlib import Path

import pytest

from igconv_sr.data.sources.mix import select_mix
from igconv_sr.data.sources.selection import select, select_folder
from igconv_sr.errors import InputError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def numbered(folder: str, first: int, last: int, digits: int = 4) -> list[str]:
    return [f"{folder}/{number:0{digits}}.png" for number in range(first, last + 1)]


DIV2K = [*numbered("DIV2K/DIV2K_train_HR", 1, 800), *numbered("DIV2K/DIV2K_valid_HR", 801, 900)]


@pytest.mark.parametrize("root", [".", "DIV2K", "DIV2K/DIV2K_train_HR"])
def test_div2k_is_found_from_above_and_from_its_own_folders(tmp_path: Path, root: str) -> None:
    found = select("div2k", touch(tmp_path, *DIV2K) / root)
    assert [path.name for path in found.train] == [f"{n:04}.png" for n in range(1, 801)]
    assert [path.name for path in found.valid] == [f"{n:04}.png" for n in range(801, 901)]
    assert (found.held_out, found.notices) == (False, [])


def test_fewer_images_are_noticed(tmp_path: Path) -> None:
    (notice,) = select("div2k", touch(tmp_path, *DIV2K[10:])).notices
    assert "800 training images, 790 lie below" in notice


@pytest.mark.parametrize(
    ("choice", "files"),
    [
        ("div2k", numbered("DIV2K/DIV2K_train_HR", 1, 900)),
        ("div2k", [*numbered("DIV2K_train_HR", 1, 800), "DIV2K_train_HR/0850.png", "DIV2K_valid_HR/0850.png"]),
        ("div2k", numbered("DIV2K_train_HR", 2001, 2900)),
        ("div2k", [f"DIV2K_train_HR_sub/{n:04}_s001.png" for n in range(1, 901)]),
        ("df2k", [*numbered("DIV2K_train_HR", 1, 900), *numbered("Flickr2K_HR", 1, 20, 6)]),
        ("df2k", [*numbered("DF2K/HR", 1, 900), *numbered("DF2K/HR", 1, 20, 6)]),
        ("folder", numbered("DIV2K/DIV2K_train_HR", 1, 900)),
    ],
)
def test_validation_images_among_div2ks_training_images_are_refused(
    tmp_path: Path, choice: str, files: list[str]
) -> None:
    with pytest.raises(InputError, match=r"must not be trained on: move 0801\.png to 0900\.png"):
        select(choice, touch(tmp_path, *files))


def test_df2k_is_its_two_parts_or_one_folder(tmp_path: Path) -> None:
    parts = [*numbered("DIV2K_train_HR", 1, 800), *numbered("Flickr2K/Flickr2K_HR", 1, 2650, 6)]
    found = select("df2k", touch(tmp_path / "parts", *parts))
    assert (len(found.train), found.notices, found.held_out) == (3440, [], True)
    assert len(found.valid) == 10
    found = select("df2k", touch(tmp_path / "one" / "DF2K", "HR/0001.png", "HR/000001.png", "LR_bicubic/X2/0001x2.png"))
    assert len(found.train) + len(found.valid) == 2
    with pytest.raises(InputError, match=r"no training images of DF2K .*: Flickr2K not found; .* found DIV2K_train"):
        select("df2k", touch(tmp_path / "half", *numbered("DIV2K_train_HR", 1, 3)))


@pytest.mark.parametrize("choice", ["flickr2k", "lsdir", "imagenet"])
def test_div2ks_validation_images_serve_other_sets(tmp_path: Path, choice: str) -> None:
    folder = {"flickr2k": "Flickr2K/Flickr2K_HR", "lsdir": "LSDIR/train", "imagenet": "ILSVRC2012/train"}[choice]
    root = touch(tmp_path, *numbered(folder, 1, 5))
    assert select(choice, root).held_out
    found = select(choice, touch(root, "DIV2K/DIV2K_valid_HR/0801.png"))
    assert ([path.name for path in found.valid], found.held_out, len(found.train)) == (["0801.png"], False, 5)
    assert found.valid_source.endswith("DIV2K_valid_HR")


def test_own_validation_images_of_lsdir_come_first(tmp_path: Path) -> None:
    touch(tmp_path, "LSDIR/train/0001000/1.png", "LSDIR/val1/HR/val/7.png", "DIV2K_valid_HR/0801.png")
    assert [path.name for path in select("lsdir", tmp_path).valid] == ["7.png"]


def test_whole_images_are_preferred_to_sub_images(tmp_path: Path) -> None:
    touch(tmp_path, "DIV2K_train_HR/0001.png", "DIV2K_train_HR/0002.png", "DIV2K_train_HR_sub/0001_s001.png")
    found = select("div2k", tmp_path)
    assert {path.parent.name for path in [*found.train, *found.valid]} == {"DIV2K_train_HR"}


def test_a_set_that_is_there_twice_or_not_at_all_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a/DIV2K_train_HR/0001.png", "b/DIV2K_train_HR/0001.png")
    with pytest.raises(InputError, match=r"DIV2K \(train\) .* more than once: .*a/DIV2K_train_HR, .*b/DIV2K_train_HR"):
        select("div2k", tmp_path)
    with pytest.raises(InputError, match=r"no training images of LSDIR .* looked for LSDIR/train"):
        select("lsdir", tmp_path)
    with pytest.raises(InputError, match=r"no data set 'div3k', .*did you mean div2k\?"):
        select("div3k", tmp_path)


def test_folder_leaves_lr_images_validation_and_benchmarks_out(tmp_path: Path) -> None:
    touch(tmp_path, *numbered("train/photos", 1, 3), "valid/x.png", "benchmark/Set5/HR/baby.png")
    touch(tmp_path, "train/HR/a.png", "train/LR_bicubic/X2/ax2.png")
    found = select_folder(tmp_path)
    assert [path.name for path in found.train] == ["a.png", "0001.png", "0002.png", "0003.png"]
    assert [path.name for path in found.valid] == ["x.png"]
    assert found.notices == ["Notice: not trained on: Set5, for benchmarks; give its own folder to do so"]


def test_validation_images_that_others_replace_are_not_left_out_silently(tmp_path: Path) -> None:
    root = touch(tmp_path / "root", *numbered("train", 1, 3), "valid/x.png")
    touch(tmp_path, "mine/y.png")
    found = select_folder(root, tmp_path / "mine")
    assert [path.name for path in found.valid] == ["y.png"]
    assert found.notices == [f"Notice: not used: {root / 'valid'}, for validation; data.valid_folder is used instead"]
    assert not select_folder(root, root / "valid").notices


@pytest.mark.parametrize("valid", ["photos/best", "photos/../photos/best", "link", "links"])
def test_validation_images_are_not_trained_on_however_their_path_is_spelt(tmp_path: Path, valid: str) -> None:
    root = touch(tmp_path, "photos/a.png", "photos/b.png", "photos/best/c.png", "photos/best/d.png") / "photos"
    (tmp_path / "link").symlink_to(root / "best")
    (tmp_path / "links").mkdir()
    for name in ("c", "d"):
        (tmp_path / "links" / f"valid_{name}.png").symlink_to(root / "best" / f"{name}.png")
    found = select_folder(root, tmp_path / valid)
    assert [path.name for path in found.train] == ["a.png", "b.png"]
    assert len(found.valid) == 2


def test_no_cut_out_of_an_image_that_is_validated_on_is_trained_on(tmp_path: Path) -> None:
    """Those of BasicSR overlap by half."""
    names = [f"DIV2K_train_HR_sub/{image:04}_s{part:03}.png" for image in range(1, 13) for part in (1, 2, 3)]
    for found in (select_folder(touch(tmp_path, *names)), select("div2k", tmp_path)):
        assert [path.name for path in found.valid] == ["0001_s001.png", "0011_s001.png"]
        assert {path.name[:4] for path in found.train} == {f"{image:04}" for image in range(2, 13) if image != 11}
        assert len(found.train) == 30


def test_a_second_name_of_an_image_that_is_kept_back_is_not_trained_on(tmp_path: Path) -> None:
    root = touch(tmp_path, "a.png", "b.png")
    (root / "z.png").symlink_to(root / "a.png")
    assert [path.name for path in select_folder(root).train] == ["b.png"]
    (root / "b.png").unlink()
    with pytest.raises(InputError, match="holds the same image several times"):
        select_folder(root)


def test_images_beside_a_folder_of_hr_images_are_not_left_out_silently(tmp_path: Path) -> None:
    found = select_folder(touch(tmp_path, "HR/a.png", "HR/b.png", "preview.png"))
    assert len(found.train) + len(found.valid) == 2
    assert found.notices == [
        f"Notice: {tmp_path} not used beside {tmp_path / 'HR'}: taken for other versions of its images"
    ]


def test_files_of_a_folder_that_are_no_images_are_counted_and_named(tmp_path: Path) -> None:
    root = touch(tmp_path / "root", "a.png", "b.avif", "deep/c.ppm", "d.heic", "deep/e.txt", "f.cr2", "g.svg")
    touch(root, "deep/._c.ppm", ".DS_Store", "deep/Thumbs.db")
    touch(tmp_path / "valid", "v.png", "v.json")
    (root / "back").symlink_to(root)
    found = select_folder(root, tmp_path / "valid")
    assert sorted(path.name for path in found.train) == ["a.png", "b.avif", "c.ppm"]
    assert found.notices == [
        f"Notice: not used of {root}: 1 link back to a folder above (back); 4 files that are no pictures by their "
        "names (d.heic, deep/e.txt, f.cr2 and 1 more); 1 hidden one (deep/._c.ppm)",
        f"Notice: not used of {tmp_path / 'valid'}: 1 file that is no picture by its name (v.json)",
    ]


def test_files_beside_the_folder_asked_for_are_no_matter(tmp_path: Path) -> None:
    touch(tmp_path, "DIV2K_train_HR/0001.png", "DIV2K_train_HR/0002.png", "DIV2K_train_HR/a.txt", "b.txt")
    assert select_folder(tmp_path / "DIV2K_train_HR").notices == [
        f"Notice: not used of {tmp_path / 'DIV2K_train_HR'}: 1 file that is no picture by its name (a.txt)"
    ]


def test_images_beside_shards_are_counted_and_named(tmp_path: Path) -> None:
    touch(tmp_path, "root/shard-00000.tar", "root/shards.txt", "root/a.png", "valid/v.png")
    found = select_folder(tmp_path / "root", tmp_path / "valid")
    assert found.notices == [f"Notice: not used of {tmp_path / 'root'}: 1 file beside the shards (a.png)"]


def test_folder_with_given_validation_images_never_trains_on_them(tmp_path: Path) -> None:
    touch(tmp_path, *numbered("a", 1, 3), *numbered("b", 1, 2))
    found = select_folder(tmp_path, tmp_path / "b")
    assert [str(path.relative_to(tmp_path)) for path in found.train] == numbered("a", 1, 3)
    assert [str(path.relative_to(tmp_path)) for path in found.valid] == numbered("b", 1, 2)
    with pytest.raises(InputError, match="no image besides those to validate on"):
        select_folder(tmp_path / "b", tmp_path / "b")


def test_validation_images_below_a_folder_of_hr_images_are_not_trained_on_by_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LR images beside a folder of HR images are looked for from an absolute path, others from the one given."""
    touch(tmp_path, *numbered("photos/HR/a", 1, 3), *numbered("photos/HR/b", 1, 2))
    monkeypatch.chdir(tmp_path)
    found = select_folder(Path("photos/HR"), Path("photos/HR/b"))
    assert [path.parent.name for path in found.train] == ["a"] * 3
    assert [path.parent.name for path in found.valid] == ["b"] * 2


def test_mix_validates_on_real_validation_images_and_trains_on_all_others(tmp_path: Path) -> None:
    touch(tmp_path, *numbered("Flickr2K_HR", 1, 20, 6), *DIV2K)
    touch(tmp_path / "photos", *numbered(".", 1, 12))
    photos = {"data": "folder", "root": str(tmp_path / "photos"), "weight": 0.5}
    sets, selection = select_mix({"mine": photos, "div2k": 1, "flickr2k": 3}, str(tmp_path))
    assert [(each.name, each.weight, len(each.files)) for each in sets] == [
        ("mine", 0.5, 12),
        ("div2k", 1, 800),
        ("flickr2k", 3, 20),
    ]
    assert selection.train == [path for each in sets for path in each.files]
    assert len(selection.valid) == 100


def test_mix_keeps_images_back_from_the_first_where_none_has_its_own(tmp_path: Path) -> None:
    touch(tmp_path, *numbered("a", 1, 20), *numbered("b", 1, 20))
    entries = {name: {"data": "folder", "root": str(tmp_path / name)} for name in "ab"}
    sets, selection = select_mix(entries, None)
    assert [len(each.files) for each in sets] == [18, 20]
    assert {path.parent.name for path in selection.valid} == {"a"}
    assert selection.valid_source == "kept back from a"


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ({}, "data.mix names no set"),
        (["div2k"], "data.mix names no set"),
        ({"div2k": 0}, r"data\.mix\.div2k: the weight must be a number above 0, got 0"),
        ({"div2k": {"weight": -1}}, r"data\.mix\.div2k: the weight must be a number above 0, got -1"),
        ({"div2k": {"weight": "much"}}, r"the weight must be a number above 0, got 'much'"),
        ({"div3k": 1}, r"data\.mix\.div3k: there is no data set 'div3k', .*did you mean div2k\?"),
        ({"mine": 1}, r"data\.mix\.mine: there is no data set 'mine', .*\{data: folder"),
        ({"div2k": {"wieght": 1}}, r"data\.mix\.div2k\.wieght: .*did you mean weight\?"),
        ({"div2k": 1}, r"data\.mix\.div2k: where it lies is not said"),
    ],
)
def test_mistakes_in_a_mix_are_named(mix: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        select_mix(mix, None)
