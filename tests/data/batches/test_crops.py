"""Training batches, end to end: every pixel as if whole images had been reduced, all draws by (seed, step, row)."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from igconv_sr.data.batches.augment import to_batch
from igconv_sr.data.batches.crops import CropBatch, Layout, MixedScaleCrops, StepSampler
from igconv_sr.data.batches.degradation import MATLAB
from igconv_sr.data.batches.schedule import ScaleSchedule
from igconv_sr.data.images.store import ImageStore, build_store
from igconv_sr.errors import InputError
from igconv_sr.functional import dihedral_transform, imresize_uint8, paired_size

SCHEDULES: list[ScaleSchedule] = ["all", "synchronised", "per_rank"]
SCALES = (2, 3, 4)
PATCH = 6
# The first fits at ×2 alone and the second at ×4 exactly; no side of the last is a multiple of a scale.
SIZES = {"small.png": (17, 13), "exact.png": (25, 24), "large.png": (53, 47)}

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    folder, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name, (height, width) in SIZES.items():
        Image.fromarray(random.integers(256, size=(height, width, 3), dtype=np.uint8)).save(folder / name)
    return build_store([folder / name for name in SIZES], folder / "cache")


def crops(
    store: ImageStore, schedule: ScaleSchedule = "all", layout: tuple[int, int, int, int] = (6, 1, 0, 1), seed: int = 0
) -> MixedScaleCrops:
    return MixedScaleCrops(store, SCALES, PATCH, schedule, seed, Layout(*layout))


def flatten(batch: CropBatch) -> list[tuple[Any, ...]]:
    """Per row: scale, image, turn, pixels; comparable."""
    pixels = [row.numpy().tobytes() for group in batch.crops for row in group]
    scales = [scale for scale, rows in batch.groups for _ in range(rows)]
    return list(zip(scales, batch.names, batch.turns, pixels, strict=True))


def unturn(image: Pixels, element: int) -> Pixels:
    """Undoes a flip followed by quarter turns; (3,H,W)."""
    back = np.rot90(image, -(element % 4), axes=(1, 2))
    return np.flip(back, 2) if element >= 4 else back


def places(whole: Pixels, part: Pixels) -> list[tuple[int, int]]:
    windows = np.lib.stride_tricks.sliding_window_view(whole, part.shape)[0]
    return [tuple(map(int, place)) for place in np.argwhere((windows == part).all(axis=(2, 3, 4)))]  # type: ignore[misc]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rows_are_cut_from_the_reduced_whole_image_bit_for_bit(store: ImageStore, schedule: ScaleSchedule) -> None:
    images = {name: store[index].transpose(2, 0, 1) for index, name in enumerate(store.names)}
    seen: Counter[tuple[int, str]] = Counter()
    corners = 0
    for step in range(8):
        cut = crops(store, schedule, (12, 2, 0, 1))[step]
        batch = to_batch(cut)
        assert batch.lr.shape == (6, 3, PATCH, PATCH)
        assert (batch.groups, batch.names) == (cut.groups, cut.names)
        rows = [(scale, hr) for (scale, _), group in zip(batch.groups, batch.hr, strict=True) for hr in group]
        assert [scale for scale, _ in rows] == sorted(scale for scale, _ in rows)
        for (scale, hr), lr, name, turn in zip(rows, batch.lr, cut.names, cut.turns, strict=True):
            lr_pixels, hr_pixels = ((image * 255).round().to(torch.uint8).numpy() for image in (lr, hr))
            assert torch.equal(lr, torch.from_numpy(lr_pixels).float() / 255)
            whole = images[name]
            height, width = (size // scale * scale for size in whole.shape[1:])
            reduced = imresize_uint8(torch.tensor(whole[None, :, :height, :width]), 1 / scale)[0].numpy()
            place = places(reduced, unturn(lr_pixels, turn))
            assert len(place) == 1, "the LR patch is not a part of the reduced image"
            top, left = (start * scale for start in place[0])
            side = PATCH * scale
            assert np.array_equal(unturn(hr_pixels, turn), whole[:, top : top + side, left : left + side])
            seen[scale, name] += 1
            corners += 0 in place[0]
    assert {scale for scale, _ in seen} == set(SCALES)
    assert corners, "no patch touched a border: the test has missed what it is for"


@pytest.mark.parametrize(("scale", "off"), [(1.5, 0), (2.5, 0), (7 / 3, 1)])
def test_rational_rows_are_cut_from_the_reduced_whole_image(store: ImageStore, scale: float, off: int) -> None:
    images = {name: store[index].transpose(2, 0, 1) for index, name in enumerate(store.names)}
    for step in range(8):
        cut = MixedScaleCrops(store, [scale], PATCH, "all", 0, Layout(3, 1, 0, 1))[step]
        batch = to_batch(cut)
        for hr, lr, name, turn in zip(batch.hr[0], batch.lr, cut.names, cut.turns, strict=True):
            lr_pixels, hr_pixels = ((image * 255).round().to(torch.uint8).numpy() for image in (lr, hr))
            whole = images[name]
            ends = [paired_size(size, scale)[1] for size in whole.shape[1:]]
            reduced = imresize_uint8(torch.tensor(whole[None, :, : ends[0], : ends[1]]), 1 / scale)[0].numpy()
            ((top, left),) = places(whole, unturn(hr_pixels, turn))
            start = [round(n / scale) for n in (top, left)]
            expected = reduced[:, start[0] : start[0] + PATCH, start[1] : start[1] + PATCH]
            assert np.abs(unturn(lr_pixels, turn).astype(int) - expected).max() <= off


def test_a_batch_equals_its_rows_made_one_by_one(store: ImageStore) -> None:
    cut = crops(store, layout=(24, 1, 0, 1))[0]
    rows = iter(zip(cut.turns, cut.seeds, strict=True))
    lr, hr = [], []
    for (scale, _), group in zip(cut.groups, cut.crops, strict=True):
        hr.append([])
        for crop in group.permute(0, 3, 1, 2):
            turn, seed = next(rows)
            edge, side = MATLAB.margin * scale, PATCH * scale
            lr.append(dihedral_transform(MATLAB(crop[None], scale, [seed])[0], turn).float() / 255)
            hr[-1].append(dihedral_transform(crop[:, edge : edge + side, edge : edge + side], turn).float() / 255)
    batch = to_batch(cut)
    assert len(set(cut.turns)) > 4
    assert torch.equal(batch.lr, torch.stack(lr))
    assert all(torch.equal(own, torch.stack(group)) for own, group in zip(batch.hr, hr, strict=True))


def test_every_place_and_turn_occurs(store: ImageStore) -> None:
    """×2 patches of the small image have 3 × 1 places."""
    drawn = [row for step in range(250) for row in flatten(crops(store)[step]) if row[:2] == (2, "small.png")]
    assert {turn for _, _, turn, _ in drawn} == set(range(8))
    assert len({pixels for _, _, _, pixels in drawn}) == 3


def test_batches_are_the_same_in_any_order(store: ImageStore) -> None:
    forward = [flatten(crops(store)[n]) for n in range(6)]
    dataset = crops(store)
    backward = [flatten(dataset[n]) for n in reversed(range(6))]
    assert backward[::-1] == forward


def test_rows_of_one_batch_are_drawn_apart(store: ImageStore) -> None:
    rows = flatten(crops(store, "synchronised", (12, 1, 0, 1))[0])
    assert len({scale for scale, *_ in rows}) == 1
    assert len(set(rows)) > 6


def test_seeds_and_steps_give_other_batches(store: ImageStore) -> None:
    batches = [tuple(flatten(crops(store, seed=seed)[step])) for seed in range(3) for step in range(3)]
    assert len(set(batches)) == 9


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_workers_change_nothing(store: ImageStore, schedule: ScaleSchedule) -> None:
    batches = [
        [
            flatten(batch)
            for batch in islice(
                DataLoader(crops(store, schedule), batch_size=None, sampler=StepSampler(3), num_workers=workers), 5
            )
        ]
        for workers in (0, 2)
    ]
    assert batches[0] == batches[1]
    assert batches[0] == [flatten(crops(store, schedule)[n]) for n in range(3, 8)]


@pytest.mark.parametrize("schedule", ["all", "synchronised"])
@pytest.mark.parametrize(("accumulate", "world_size"), [(1, 2), (3, 1), (2, 3), (1, 12)])
def test_ranks_and_accumulation_divide_the_same_global_batch(
    store: ImageStore, schedule: ScaleSchedule, accumulate: int, world_size: int
) -> None:
    for step in (0, 5):
        whole = flatten(crops(store, schedule, (12, 1, 0, 1))[step])
        parts = [
            row
            for rank in range(world_size)
            for part in range(accumulate)
            for row in flatten(crops(store, schedule, (12, accumulate, rank, world_size))[step * accumulate + part])
        ]
        assert sorted(parts) == sorted(whole)


def test_small_images_are_used_at_small_scales_only(store: ImageStore) -> None:
    used = {row[:2] for step in range(150) for row in flatten(crops(store)[step])}
    everywhere = {(scale, name) for scale in SCALES for name in ("exact.png", "large.png")}
    assert used == everywhere | {(2, "small.png")}


def test_a_scale_without_any_large_enough_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    Image.new("RGB", (30, 17)).save(path)
    store = build_store([path], tmp_path / "cache")
    with pytest.raises(InputError, match=r"×3: a patch takes 18 pixels, .* has 17 .*data\.lr_patch_size"):
        crops(store)
