"""Validation images are degraded as the training's patches are, and named so."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import Image

from command_line import TINY, photographs, succeed
from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.compare.largest_differences import read_image
from igconv_sr.data import BenchmarkImages, FolderData
from igconv_sr.data.batches.crops import crop_with_margin
from igconv_sr.data.batches.degradation import fixed_seed
from igconv_sr.errors import InputError
from igconv_sr.metrics import STANDARD
from igconv_sr.pictures.decoding import read_rgb


def folder_data(root: Path, *overrides: str) -> Any:
    given = ["data=folder", f"data.root={root}", "data.lr_patch_size=8", *overrides]
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", given).data
        config.cache_dir = str(root.parent / "cache")
    return instantiate(config)


def pairs(root: Path, black: bool, count: int = 12) -> Path:
    """HR pictures, and LR ones that no reduction gives: black or noise."""
    photographs(root / "HR", count)
    random = np.random.default_rng(1)
    for hr in sorted((root / "HR").iterdir()):
        for scale in (2, 3, 4):
            lr = root / "LR_bicubic" / f"X{scale}" / f"{hr.stem}x{scale}.png"
            lr.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(256, size=(64 // scale, 64 // scale, 3), dtype=np.uint8)
            Image.fromarray(pixels * (not black)).save(lr)
    return root


def test_paired_validates_on_the_lr_files(tmp_path: Path) -> None:
    root = pairs(tmp_path / "pairs", black=False)
    data: FolderData = folder_data(root, "data.degradation=paired")
    items = list(BenchmarkImages([data.benchmark], data.scales))
    assert len(items) == 3 * len(data.valid_files) == 6
    for item in items:
        assert item.benchmark == "folder (paired)"
        lr = read_rgb(root / "LR_bicubic" / f"X{item.scale}" / f"{item.name}x{item.scale}.png")
        assert np.array_equal(item.lr[0].permute(1, 2, 0).numpy(), lr)


@pytest.mark.parametrize("where", ["valid", "of its own"])
def test_lr_files_of_validation_images_that_lie_elsewhere_are_found(tmp_path: Path, where: str) -> None:
    train, valid = pairs(tmp_path / "set" / "train", black=False), tmp_path / ("set/valid" if where == "valid" else "o")
    pairs(valid, black=True, count=2)
    given = [] if where == "valid" else [f"data.valid_folder={valid}"]
    data: FolderData = folder_data(train.parent if where == "valid" else train, "data.degradation=paired", *given)
    items = list(BenchmarkImages([data.benchmark], data.scales))
    assert len(items) == 6
    assert not any(item.lr.any() for item in items)


def test_a_validation_image_without_its_pair_is_named_before_the_training(tmp_path: Path) -> None:
    root = pairs(tmp_path / "pairs", black=False)
    missing = root / "LR_bicubic" / "X3" / "picture0x3.png"
    Image.new("RGB", (20, 21)).save(missing)
    data: FolderData = folder_data(root, "data.degradation=paired")
    with pytest.raises(InputError, match=r"picture0x3\.png has 20×21 pixels; for ×3 of .* must have 21×21"):
        data.setup("fit")
    missing.unlink()
    with pytest.raises(Exception, match=r"picture0x3\.png is missing"):
        folder_data(root, "data.degradation=paired")


def test_pil_validates_by_pillow(tmp_path: Path) -> None:
    data: FolderData = folder_data(photographs(tmp_path / "pictures", 12), "data.degradation=pil")
    for item in BenchmarkImages([data.benchmark], data.scales):
        assert item.benchmark == "folder (pil)"
        hr = Image.open(tmp_path / "pictures" / f"{item.name}.png")
        side = 64 // int(item.scale)
        cut = hr.crop((0, 0, side * int(item.scale), side * int(item.scale)))
        expected = np.asarray(cut.resize((side, side), Image.Resampling.BICUBIC))
        assert np.array_equal(item.lr[0].permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("scale", [2, 3, 2.5])
def test_blur_downscale_noise_is_what_a_patch_as_large_as_the_image_gets(tmp_path: Path, scale: float) -> None:
    scales = f"data.scales=[{scale}]"
    data: FolderData = folder_data(
        photographs(tmp_path / "pictures", 12), "data.degradation=blur_downscale_noise", scales
    )
    assert data.blur_downscale_noise is not None
    for item in BenchmarkImages([data.benchmark], data.scales):
        assert item.benchmark == "folder (blur_downscale_noise)"
        image, side = read_rgb(tmp_path / "pictures" / f"{item.name}.png"), item.lr.shape[-1]
        crop = crop_with_margin(image, 0, 0, side, scale, data.blur_downscale_noise.margin_at(scale))
        patch = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None]
        assert torch.equal(item.lr, data.blur_downscale_noise(patch, scale, [fixed_seed(item.hr, scale)]))


def test_the_draw_is_fixed_and_another_for_each_image_and_scale(tmp_path: Path) -> None:
    pictures = photographs(tmp_path / "pictures", 12)
    several: list[FolderData] = [
        folder_data(pictures, "data.degradation=blur_downscale_noise", f"data.seed={seed}") for seed in (0, 7)
    ]
    first, again = (list(BenchmarkImages([data.benchmark], data.scales)) for data in several)
    second_rank = list(BenchmarkImages([several[1].benchmark], several[1].scales, rank=1, world_size=2))
    assert all(torch.equal(a.lr, b.lr) for a, b in zip(first, again, strict=True))
    assert all(torch.equal(a.lr, b.lr) for a, b in zip(first[1::2], second_rank, strict=True))
    assert len({fixed_seed(item.hr, item.scale) for item in first}) == len(first) == 6


@pytest.mark.parametrize("degradation", ["matlab", "matlab_fast"])
def test_matlab_needs_no_mention(tmp_path: Path, degradation: str) -> None:
    pictures = photographs(tmp_path / "pictures", 12)
    usual: FolderData = folder_data(pictures)
    data: FolderData = folder_data(pictures, f"data.degradation={degradation}")
    assert data.benchmark == usual.benchmark
    assert data.benchmark.name == "folder"


def test_what_only_a_training_can_degrade_is_not_computed_again_otherwise(tmp_path: Path) -> None:
    hr = photographs(tmp_path / "pictures", 1) / "picture0.png"
    with pytest.raises(InputError, match=r"LR images of folder \(pil\) were made by its training alone"):
        read_image(("folder (pil)", 2.0, "picture0"), str(hr), "", STANDARD)


def test_a_training_on_black_pairs_says_what_evaluate_says(tmp_path: Path) -> None:
    """Of the same two held-out pairs: of black nothing is better than one colour, which no bicubic reduction is."""
    root = pairs(tmp_path / "pairs", black=True)
    run = tmp_path / "run"
    where = (f"data.root={root}", f"paths.output_dir={run}", "data.degradation=paired")
    printed = succeed("train", *TINY, *where, "trainer.max_steps=4", "trainer.val_check_interval=4", cwd=tmp_path)
    assert printed.count("folder (paired)") == 3
    for path in (root / "HR").iterdir():
        if path.stem not in ("picture0", "picture8"):
            path.unlink()
    scored = [row["hr_file"] for row in table(run / "results_per_image.csv")]
    assert {Path(path).stem for path in scored} == {"picture0", "picture8"}
    options = (f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}", f"benchmarks=[{root}]", "trainer.accelerator=cpu")
    succeed("evaluate", *options, "paths.output_dir=evaluated", cwd=tmp_path)
    ours, theirs = table(run / "results.csv"), table(tmp_path / "evaluated" / "results.csv")
    assert {row["benchmark"] for row in ours} == {"folder (paired)"}
    assert [row["psnr_y"] for row in ours] == [row["psnr_y"] for row in theirs]
    assert all(float(row["psnr_y"]) <= best_colour(scored) + 0.5 for row in ours)
    names = table(next(run.glob("metrics/version_0/metrics.csv")))[0]
    assert {name for name in names if name.startswith("valid/psnr_y_x")} == {
        f"valid/psnr_y_x{scale} (paired)" for scale in (2, 3, 4)
    }


def best_colour(files: list[str]) -> float:
    """The mean PSNR on luma in dB of the best images of one colour."""
    luma = [np.asarray(Image.open(path)) @ (65.481, 128.553, 24.966) / 255 for path in sorted(set(files))]
    return float(np.mean([20 * np.log10(255 / image.std()) for image in luma]))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
