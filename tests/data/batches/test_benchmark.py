"""Benchmark folders: layouts, LR images found or made, and what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import shared
from igconv_sr.data import Benchmark, BenchmarkImages, find_benchmark, find_benchmarks
from igconv_sr.errors import InputError
from igconv_sr.functional import imresize_uint8
from igconv_sr.metrics import STANDARD


def save(path: Path, height: int, width: int, gray: bool = False) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(str(path.name)))
    pixels = random.integers(256, size=(height, width) if gray else (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def as_array(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).numpy()


def test_hr_and_lr_folders_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "Mine"
    hr, lr = save(folder / "HR" / "baby.png", 13, 11), save(folder / "LR_bicubic" / "X3" / "babyx3.png", 4, 3)
    benchmark = find_benchmark(folder)
    assert (benchmark.name, [path.name for path in benchmark.files]) == ("Mine", ["baby.png"])
    (item,) = BenchmarkImages([benchmark], [3])
    assert (item.benchmark, item.name, item.scale, item.gray) == ("Mine", "baby", 3, False)
    assert np.array_equal(as_array(item.lr), lr), "the LR file was not used"
    assert np.array_equal(as_array(item.hr), hr[:12, :9]), "HR is cropped to r times the LR size"


@pytest.mark.parametrize("layout", ["HR", "."])
def test_lr_images_are_made_where_there_are_none(tmp_path: Path, layout: str) -> None:
    hr = save(tmp_path / layout / "x.png", 13, 11)
    if layout == "HR":  # LR images of another scale do not matter
        save(tmp_path / "LR_bicubic" / "X2" / "xx2.png", 6, 5)
    (item,) = BenchmarkImages([find_benchmark(tmp_path)], [4])
    expected = imresize_uint8(torch.tensor(hr[:12, :8]).permute(2, 0, 1)[None], 1 / 4)
    assert torch.equal(item.lr, expected)
    assert np.array_equal(as_array(item.hr), hr[:12, :8])


@pytest.mark.parametrize(("scale", "lr", "hr"), [(2.5, (10, 8), (25, 20)), (1.6, (15, 10), (24, 16))])
def test_sizes_at_scales_between_whole_ones(tmp_path: Path, scale: float, lr: tuple[int, ...], hr: tuple[int, ...]):
    """HR is cropped until LR has whole pixels: to multiples of 5 and of 8."""
    pixels = save(tmp_path / "x.png", 27, 21)
    (item,) = BenchmarkImages([find_benchmark(tmp_path)], [scale])
    assert (item.lr.shape[-2:], item.hr.shape[-2:]) == (lr, hr)
    assert np.array_equal(as_array(item.hr), pixels[: hr[0], : hr[1]])
    assert torch.equal(item.lr, imresize_uint8(item.hr, 1 / scale))


def test_lr_images_made_by_pillow(tmp_path: Path) -> None:
    pixels = save(tmp_path / "HR" / "x.png", 25, 18)
    save(tmp_path / "LR_bicubic" / "X6" / "xx6.png", 4, 3)
    (item,) = BenchmarkImages([find_benchmark(tmp_path)], [6], lr_kernel=lambda _: "pil")
    expected = Image.fromarray(pixels[:24, :18]).resize((3, 4), Image.Resampling.BICUBIC)
    assert np.array_equal(as_array(item.lr), np.asarray(expected)), "LR files are MATLAB's"


def test_files_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", "b/2.png"):
        save(tmp_path / name, 12, 12)
    assert [item.name for item in BenchmarkImages([find_benchmark(tmp_path)], [2])] == ["a/1.png", "b/1.png", "b/2.png"]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_made_equals_the_lr_files_of_set5(scale: int) -> None:
    found = find_benchmark(shared("data", "benchmarks", "Set5"))
    assert set(found.lr_files) == {2, 3, 4}
    made = Benchmark(found.name, found.files)
    for ours, theirs in zip(BenchmarkImages([made], [scale]), BenchmarkImages([found], [scale]), strict=True):
        assert torch.equal(ours.lr, theirs.lr), ours.name
        assert torch.equal(ours.hr, theirs.hr), ours.name


def test_gray_files_say_so(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 12, 12, gray=True)
    save(tmp_path / "b.png", 12, 12)
    assert [item.gray for item in BenchmarkImages([find_benchmark(tmp_path)], [2])] == [True, False]


def test_a_trailing_dot_still_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "Mine" / "a.png", 12, 12)
    monkeypatch.chdir(tmp_path / "Mine")
    assert find_benchmark(Path()).name == "Mine"


def test_rcans_layout_has_hr_files_of_its_own_per_scale(tmp_path: Path) -> None:
    sizes = {2: (14, 10), 3: (15, 9)}
    pixels = {}
    for scale, (height, width) in sizes.items():
        hr = save(tmp_path / f"HR/Set5/x{scale}/baby_HR_x{scale}.png", height, width)
        lr = save(tmp_path / f"LR/LRBI/Set5/x{scale}/baby_LRBI_x{scale}.png", height // scale, width // scale)
        pixels[scale] = hr, lr
    for item in BenchmarkImages([find_benchmark(tmp_path)], [2, 3]):
        assert (item.benchmark, item.name) == ("Set5", "baby")
        assert np.array_equal(as_array(item.hr), pixels[item.scale][0])
        assert np.array_equal(as_array(item.lr), pixels[item.scale][1])


def test_basicsrs_layout_pairs_equal_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "Set5" / "GTmod12" / f"{name}.png", 12, 24)
    lr = save(tmp_path / "Set5" / "LRbicx4" / "a.png", 3, 6)
    images = BenchmarkImages([find_benchmark(tmp_path)], [4])
    assert np.array_equal(as_array(images[0].lr), lr)
    with pytest.raises(InputError, match=r"LRbicx4/b\.png does not exist"):
        images[1]


def test_a_folder_of_several_benchmarks(tmp_path: Path) -> None:
    for name in ("benchmark/Set14/HR/a.png", "benchmark/Set5/HR/b.png", "train/T91/c.png"):
        save(tmp_path / name, 12, 12)
    assert [each.name for each in find_benchmarks(tmp_path)] == ["Set14", "Set5"]
    assert find_benchmark(tmp_path / "train" / "T91").name == "T91"
    with pytest.raises(InputError, match=r"several benchmarks \(Set14, Set5\); give the folder of one"):
        find_benchmark(tmp_path / "benchmark")


def test_what_is_not_used_of_a_benchmark_is_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Set5/HR/baby.png", "T91/train/t1.png"):
        save(tmp_path / name, 12, 12)
    for name in ("LR_bicubic/X2/babyx2.png", "LR_bicubic/X2/strangerx2.png", "LR_unknown/X2/babyx2.png"):
        save(tmp_path / "Set5" / name, 6, 6)
    (tmp_path / "Set5" / "readme.txt").touch()
    find_benchmark(tmp_path / "Set5")
    assert capsys.readouterr().out == (
        f"Notice: not used of {tmp_path / 'Set5'}: 1 file that is no picture by its name (readme.txt); "
        "1 LR file without an HR file (strangerx2.png); 1 folder of another version of its images (LR_unknown/X2)\n"
    )


def test_lr_images_alone_are_no_benchmark(tmp_path: Path) -> None:
    save(tmp_path / "DIV2K_test_LR_bicubic" / "X2" / "0901x2.png", 12, 12)
    with pytest.raises(InputError, match="LR images alone"):
        find_benchmarks(tmp_path)


def test_sizes_that_disagree_are_named(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "baby.png", 12, 12)
    save(tmp_path / "LR_bicubic" / "X2" / "babyx2.png", 6, 5)
    images = BenchmarkImages([find_benchmark(tmp_path)], [2])
    for read in (lambda: images[0], lambda: images.check(STANDARD.least_side)):
        with pytest.raises(InputError, match=r"babyx2\.png has 5×6 pixels, .*baby\.png with 12×12 needs 6×6 at ×2"):
            read()


def test_a_missing_lr_file_is_named(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "baby.png", 12, 12)
    save(tmp_path / "LR_bicubic" / "X2" / "birdx2.png", 6, 6)
    images = BenchmarkImages([find_benchmark(tmp_path)], [2])
    for read in (lambda: images[0], lambda: images.check(STANDARD.least_side)):
        with pytest.raises(InputError, match=r"babyx2\.png does not exist"):
            read()


def test_images_smaller_than_the_scale_are_named(tmp_path: Path) -> None:
    save(tmp_path / "dot.png", 3, 40)
    images = BenchmarkImages([find_benchmark(tmp_path)], [4])
    for read in (lambda: images[0], lambda: images.check(STANDARD.least_side)):
        with pytest.raises(InputError, match=r"dot\.png has 40×3 pixels, too few for ×4"):
            read()


def test_images_too_small_to_be_scored_are_named_before_they_are_read(tmp_path: Path) -> None:
    """What is scored at ×2.5 is cropped to a multiple of 5 pixels; 3 of border and the window of SSIM take 17."""
    save(tmp_path / "small.png", 40, 20)
    images = BenchmarkImages([find_benchmark(tmp_path)], [2.5])
    images.check(STANDARD.least_side)
    hr = images[0].hr / 255
    assert STANDARD.score(hr, hr, 2.5, gray=False)["ssim_y"] == 1
    save(tmp_path / "small.png", 40, 19)
    with pytest.raises(InputError, match=r"small\.png has 19×40 pixels, too few to be scored at ×2\.5, .* 17 on each"):
        images.check(STANDARD.least_side)
    hr = images[0].hr / 255
    with pytest.raises(InputError, match=r"protocol standard needs 17 pixels or more .* at ×2\.5, not 15×40"):
        STANDARD.score(hr, hr, 2.5, gray=False)


def test_folders_that_are_no_benchmarks_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing is not a folder"):
        find_benchmark(tmp_path / "missing")
    with pytest.raises(InputError, match="no image"):
        find_benchmark(tmp_path)
    (tmp_path / "HR").mkdir()
    save(tmp_path / "stray.png", 12, 12)
    with pytest.raises(InputError, match=r"no image .*HR"):
        find_benchmark(tmp_path)


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_ranks_share_the_images_each_once(tmp_path: Path, world_size: int) -> None:
    for name in ("A/1.png", "A/2.png", "B/1.png"):
        save(tmp_path / name, 12, 12)
    benchmarks = [find_benchmark(tmp_path / name) for name in "AB"]
    parts = [BenchmarkImages(benchmarks, [2, 3], rank, world_size) for rank in range(world_size)]
    items = [(item.benchmark, item.name, item.scale) for part in parts for item in part]
    expected = [(name, image, scale) for name, image in (("A", "1"), ("A", "2"), ("B", "1")) for scale in (2, 3)]
    assert sorted(items) == sorted(expected)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
