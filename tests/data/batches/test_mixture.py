"""Draws of a mix: the stated proportions, pure in (seed, step, row); without one, those of always."""

import hashlib
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from igconv_sr.data.batches.crops import CropBatch, Layout, MixedScaleCrops, StepSampler
from igconv_sr.data.batches.mixture import Mixture
from igconv_sr.data.images.store import ImageStore, build_store
from igconv_sr.errors import InputError

SCALES, PATCH, ROWS = (2, 3, 4), 4, 12
SIDES = {"a0": 20, "a1": 9, "b0": 16, "b1": 17, "b2": 8, "b3": 18, "b4": 19}
"""Sets a and b; a1 and b2 fit a patch at ×2 alone."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    folder = tmp_path_factory.mktemp("images")
    for number, (name, side) in enumerate(SIDES.items()):
        Image.new("RGB", (side, side), (number, 0, 0)).save(folder / f"{name}.png")
    return build_store([folder / f"{name}.png" for name in SIDES], folder / "cache")


def crops(store: ImageStore, mixture: Mixture | None, seed: int = 0) -> MixedScaleCrops:
    return MixedScaleCrops(store, SCALES, PATCH, "all", seed, Layout(ROWS, 1, 0, 1), mixture=mixture)


def rows(batch: CropBatch) -> list[tuple[int, str, int]]:
    scales = [scale for scale, count in batch.groups for _ in range(count)]
    return list(zip(scales, batch.names, batch.turns, strict=True))


def mixture(a: float, b: float) -> Mixture:
    return Mixture(["a", "b"], [2, 5], [a, b])


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.0, 3.0), (5.0, 0.5)])
def test_sets_are_drawn_in_the_stated_proportion_at_every_scale(store: ImageStore, a: float, b: float) -> None:
    dataset = crops(store, mixture(a, b))
    drawn = [row for step in range(150) for row in rows(dataset[step])]
    share = a / (a + b)
    for scale in SCALES:
        of_set = Counter(name[0] for r, name, _ in drawn if r == scale)
        total = of_set.total()
        deviation = (total * share * (1 - share)) ** 0.5
        assert abs(of_set["a"] - total * share) < 4 * deviation
    of_b = Counter(name for r, name, _ in drawn if r == 2 and name.startswith("b"))
    assert len(of_b) == 5
    expected = of_b.total() / 5
    assert all(abs(count - expected) < 4 * expected**0.5 for count in of_b.values()), "uniform within a set"
    assert {name for r, name, _ in drawn if r > 2}.isdisjoint({"a1.png", "b2.png"})


def test_mixed_draws_are_a_function_of_seed_step_and_row(store: ImageStore) -> None:
    dataset = crops(store, mixture(1, 2))
    forward = [rows(dataset[step]) for step in range(6)]
    assert [rows(dataset[step]) for step in reversed(range(6))] == forward[::-1]
    assert rows(crops(store, mixture(1, 2), seed=1)[0]) != forward[0]
    resumed = DataLoader(crops(store, mixture(1, 2)), batch_size=None, sampler=StepSampler(3))
    assert [rows(batch) for batch in islice(resumed, 3)] == forward[3:]


def test_without_a_mix_the_draws_are_those_of_always(store: ImageStore) -> None:
    """Computed here from numpy alone; the digest was recorded before mixes existed."""
    digest = hashlib.sha256()
    for step in range(20):
        ours = crops(store, None, seed=7)[step]
        scales = np.array([SCALES[(row + step) % 3] for row in range(ROWS)])
        expected = []
        for scale in SCALES:
            usable = np.array([i for i, side in enumerate(SIDES.values()) if side // scale >= PATCH])
            for row in np.flatnonzero(scales == scale):
                random = np.random.default_rng([7, step, int(row)])
                index = random.choice(usable)
                limit = list(SIDES.values())[index] // scale - PATCH
                random.integers(0, limit, endpoint=True)
                random.integers(0, limit, endpoint=True)
                expected.append((scale, f"{list(SIDES)[index]}.png", int(random.integers(8))))
        assert rows(ours) == expected
        digest.update(repr(expected).encode())
        digest.update(b"".join(group.numpy().tobytes() for group in ours.crops))
    assert digest.hexdigest() == "440c7f7abfaf85795fe8a84fa5669adaa17f0545afd52cf3e4b09b367a4317fb"


def test_a_set_without_a_large_enough_image_is_named(store: ImageStore) -> None:
    with pytest.raises(InputError, match=r"no image of data\.mix\.tiny is large enough for a patch at ×3"):
        crops(store, Mixture(["first", "tiny", "rest"], [1, 1, 5], [1, 1, 1]))
