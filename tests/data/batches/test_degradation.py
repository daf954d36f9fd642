"""How LR patches are made: each way against whole images reduced by the library or the files it stands for."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from conftest import shared
from igconv_sr.data.batches.augment import to_batch
from igconv_sr.data.batches.crops import Layout, MixedScaleCrops
from igconv_sr.data.batches.degradation import MATLAB, BatchDegradation, Degradation, MatlabFast, PatchPlace, Pil
from igconv_sr.data.batches.lr_files import Paired, paired_files
from igconv_sr.data.batches.named_degradation import DEGRADATIONS, check_degradation
from igconv_sr.data.images.store import ImageStore, build_store
from igconv_sr.data.sources.layouts import find_sets
from igconv_sr.errors import InputError
from igconv_sr.functional import dihedral_transform, imresize_uint8
from igconv_sr.functional.imresize import EXACT_IN_FIXED_POINT, reduce_crop_fixed_point
from igconv_sr.pictures.decoding import read_rgb

Pixels = npt.NDArray[np.uint8]
SCALES, PATCH = (2, 3, 4), 6


def noise(kind: str, *size: int) -> Pixels:
    values = np.random.default_rng(0).integers(256, size=size, dtype=np.uint8)
    return {"noise": values, "black and white": (values > 127).astype(np.uint8) * 255}[kind]


def reduce_whole(degradation: BatchDegradation, image: Pixels, scale: int) -> Tensor:
    """(H,W,3) as one crop with its mirrored margin, to (3,h,w)."""
    height, width = (size // scale * scale for size in image.shape[:2])
    edge = degradation.margin * scale
    crop = np.pad(image[:height, :width], ((edge, edge), (edge, edge), (0, 0)), mode="symmetric")
    return degradation(torch.from_numpy(crop).permute(2, 0, 1)[None], scale, [0])[0]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("benchmark", ["Set5", "Set14"])
def test_matlab_and_matlab_fast_on_all_benchmark_images(benchmark: str, scale: int) -> None:
    for path in sorted(shared("data", "benchmarks", benchmark, "HR").glob("*.png")):
        file = path.parents[1] / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png"
        expected, hr = torch.from_numpy(read_rgb(file).copy()).permute(2, 0, 1), read_rgb(path)
        assert torch.equal(reduce_whole(MATLAB, hr, scale), expected), path.name
        assert (reduce_whole(MatlabFast(), hr, scale).int() - expected.int()).abs().max() <= 1, path.name


@pytest.mark.parametrize("kind", ["noise", "black and white"])
@pytest.mark.parametrize("scale", range(2, 9))
def test_matlab_fast_is_within_one_level_of_the_exact_reduction(scale: int, kind: str) -> None:
    """And equal where the fixed-point weights are near enough, also where every value ends in a half."""
    image = noise(kind, 300, 300, 3)[: 300 // scale * scale, : 300 // scale * scale]
    whole = imresize_uint8(torch.from_numpy(image).permute(2, 0, 1)[None], 1 / scale)[0]
    assert torch.equal(reduce_whole(MATLAB, image, scale), whole)
    largest = (reduce_whole(MatlabFast(), image, scale).int() - whole.int()).abs().max()
    assert largest == 0 if scale in EXACT_IN_FIXED_POINT else largest <= 1


def test_fixed_point_rounds_the_sums_nearest_to_a_half_at_scale_3_as_exact_arithmetic_does() -> None:
    """Weights are parts of 81; taps that add 40 or 41 of them to a whole level lie 1/162 beside a half."""
    parts = np.array([-1, -2, 0, 9, 21, 27, 21, 9, 0, -2, -1])
    taps = np.random.default_rng(0).integers(256, size=(400_000, 11), dtype=np.uint8)
    rest = taps.astype(np.int64) @ parts % 81
    taps = taps[(rest == 40) | (rest == 41)]
    assert len(taps) > 8000
    exact = np.clip((2 * (taps.astype(np.int64) @ parts) + 81) // 162, 0, 255)
    columns = np.zeros((15, len(taps) * 3), np.uint8)
    columns[2:13] = np.repeat(taps.T, 3, axis=1)  # the taps of LR row 2; three equal columns make one LR column
    crop = torch.from_numpy(np.repeat(columns[..., None], 3, axis=2)).permute(2, 0, 1)[None]
    rows = torch.nn.functional.interpolate(crop, (5, columns.shape[1]), mode="bicubic", antialias=True)
    assert np.array_equal(rows[0, 0, 2, ::3].numpy(), exact)


@pytest.mark.parametrize("scale", EXACT_IN_FIXED_POINT)
def test_fixed_point_does_not_depend_on_the_layout_in_memory(scale: int) -> None:
    crops = torch.from_numpy(noise("noise", 3, 20 * scale, 20 * scale, 3)).permute(0, 3, 1, 2)
    expected = reduce_crop_fixed_point(crops, scale, 2)
    assert torch.equal(reduce_crop_fixed_point(crops.contiguous(), scale, 2), expected)
    assert torch.equal(reduce_crop_fixed_point(crops[1:2], scale, 2), expected[1:2])


@pytest.mark.parametrize("scale", [2, 3, 4, 7])
@pytest.mark.parametrize("patch", [1, 3, 6])
def test_pil_equals_pillows_reduction_of_the_whole_image(scale: int, patch: int) -> None:
    """At every position, hence at every border; the image is no multiple of the scale."""
    image = noise("noise", 7 * scale + 1, 6 * scale + scale - 1, 3)
    whole_image = Image.fromarray(image[: 7 * scale, : 6 * scale])
    whole = np.asarray(whole_image.resize((6, 7), Image.Resampling.BICUBIC))
    for top in range(7 - patch + 1):
        for left in range(6 - patch + 1):
            ours = Pil().patch(image, PatchPlace(0, scale, top, left, patch))
            assert np.array_equal(ours, whole[top : top + patch, left : left + patch]), (top, left)


@pytest.fixture(scope="module")
def hr_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """HR and LR images as DIV2K has them; LR pixels that no reduction gives."""
    root, random = tmp_path_factory.mktemp("div2k"), np.random.default_rng(1)
    folder = root / "DIV2K_train_HR"
    folder.mkdir()
    files = [folder / f"{number:04}.png" for number in range(3)]
    for path, (height, width) in zip(files, [(25, 24), (53, 47), (48, 60)], strict=True):
        Image.fromarray(random.integers(256, size=(height, width, 3), dtype=np.uint8)).save(path)
        for scale in SCALES:
            lr = root / "DIV2K_train_LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png"
            lr.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(256, size=(height // scale, width // scale, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(lr)
    return files


@pytest.fixture(scope="module")
def store(hr_files: list[Path]) -> ImageStore:
    return build_store(hr_files, hr_files[0].parents[1] / "cache")


def paired(store: ImageStore, hr_files: list[Path]) -> Paired:
    (train,) = (each for each in find_sets(hr_files[0].parents[1]) if each.split == "train")
    found = paired_files(hr_files, train.lr_files, SCALES)
    return Paired(store, {r: build_store(files, hr_files[0].parents[1] / "cache") for r, files in found.items()})


def whole_lr(name: str, hr: Path, scale: int) -> Pixels:
    """The whole LR image of a degradation, by other means."""
    if name == "paired":
        return read_rgb(hr.parents[1] / "DIV2K_train_LR_bicubic" / f"X{scale}" / f"{hr.stem}x{scale}.png")
    image = read_rgb(hr)
    height, width = (size // scale for size in image.shape[:2])
    image = image[: height * scale, : width * scale]
    if name == "pil":
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    return imresize_uint8(torch.tensor(image).permute(2, 0, 1)[None], 1 / scale)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("name", ["matlab", "matlab_fast", "pil", "paired"])
def test_lr_and_hr_of_every_row_lie_at_the_same_place_of_the_whole_images(
    store: ImageStore, hr_files: list[Path], name: str
) -> None:
    choices: dict[str, Callable[[], Degradation]] = {
        "matlab": lambda: MATLAB,
        "matlab_fast": MatlabFast,
        "pil": Pil,
        "paired": lambda: paired(store, hr_files),
    }
    degradation = choices[name]()
    dataset = MixedScaleCrops(store, SCALES, PATCH, "all", 0, Layout(12, 2, 0, 1), degradation)
    for step in range(6):
        cut = dataset[step]
        batch = to_batch(cut, degradation)
        rows = [(scale, hr) for (scale, _), group in zip(batch.groups, batch.hr, strict=True) for hr in group]
        for (scale, hr), lr, file, turn in zip(rows, batch.lr, batch.names, cut.turns, strict=True):
            path = next(path for path in hr_files if path.name == file)
            places = find(lr, torch.from_numpy(whole_lr(name, path, scale).copy()), turn)
            assert len(places) == 1, "the LR patch is no part of the whole LR image"
            y, x = (start * scale for start in places[0])
            part = torch.tensor(read_rgb(path))[y : y + PATCH * scale, x : x + PATCH * scale].permute(2, 0, 1)
            assert torch.equal(dihedral_transform(part, turn).float() / 255, hr)


def find(patch: Tensor, whole: Tensor, turn: int) -> list[tuple[int, int]]:
    """Where in (h,w,3) the patch, flipped and turned, lies."""
    return [
        (top, left)
        for top in range(whole.shape[0] - PATCH + 1)
        for left in range(whole.shape[1] - PATCH + 1)
        if torch.equal(
            dihedral_transform(whole[top : top + PATCH, left : left + PATCH].permute(2, 0, 1), turn).float() / 255,
            patch,
        )
    ]


def test_a_missing_lr_file_is_named(hr_files: list[Path], tmp_path: Path) -> None:
    found = {path: tmp_path / f"{path.stem}x2.png" for path in hr_files}
    with pytest.raises(InputError, match=r"0000x2\.png is missing, .* \(3 of 3 for ×2.*degradation=matlab"):
        paired_files(hr_files, {2: found}, [2])
    with pytest.raises(InputError, match=r"no LR images for ×3 found .*degradation=matlab"):
        paired_files(hr_files, {2: found}, [3])


def test_an_lr_image_of_another_size_is_named(store: ImageStore, hr_files: list[Path]) -> None:
    lr_stores = paired(store, hr_files).lr
    with pytest.raises(InputError, match=r"0000x4\.png has 6×6 pixels; for ×3 of 0000\.png it must have 8×8"):
        Paired(store, {2: lr_stores[2], 3: lr_stores[4]})


def test_unknown_names_give_the_choices() -> None:
    with pytest.raises(InputError, match=rf"=matlap: .* did you mean matlab\?; choices: {', '.join(DEGRADATIONS)}"):
        check_degradation("matlap")


@pytest.mark.slow
def test_kornia_is_imported_only_where_it_is_chosen() -> None:
    code = "import sys, igconv_sr.data; sys.exit('kornia' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
