"""The degradation that is worse than bicubic: each part against another library, all draws by the row's seed alone."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.data.batches.augment import to_batch
from igconv_sr.data.batches.blur_downscale_noise import BlurDownscaleNoise
from igconv_sr.data.batches.crops import Layout, MixedScaleCrops, crop_with_margin
from igconv_sr.data.images.store import ImageStore, build_store
from igconv_sr.data.sources.sample import VALIDATION_PHOTOGRAPHS
from igconv_sr.errors import InputError
from igconv_sr.functional.imresize import imresize, round_to_8_bit
from igconv_sr.pictures.decoding import read_rgb

NOTHING: dict[str, Any] = {
    "blur_sigma": [0.01, 0.01],
    "isotropic_probability": 1.0,
    "gaussian_sigma": [0, 0],
    "poisson_probability": 0.0,
    "poisson_photons": [100, 1000],
    "jpeg_probability": 0.0,
    "jpeg_quality": [50, 90],
}
EVERYTHING = NOTHING | {
    "blur_sigma": [0.1, 0.9],
    "isotropic_probability": 0.5,
    "gaussian_sigma": [1, 20],
    "poisson_probability": 0.5,
    "jpeg_probability": 0.5,
}


def picture(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(256, size=(height // 4, width // 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def degrade(degradation: BlurDownscaleNoise, image: np.ndarray, scale: int, seed: int = 0) -> Tensor:
    """The whole image (H,W,3), square, to (3,h,w)."""
    crop = crop_with_margin(image, 0, 0, image.shape[0] // scale, scale, degradation.margin)
    return degradation(torch.from_numpy(crop).permute(2, 0, 1)[None], scale, [seed])[0]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("sigma", [0.3, 0.75])
def test_blur_is_scipys_over_the_whole_image(scale: int, sigma: float) -> None:
    """Borders too: scipy mirrors as we do."""
    image = picture(96, 96)
    ours = degrade(BlurDownscaleNoise(**NOTHING | {"blur_sigma": [sigma, sigma]}), image, scale)
    blurred = gaussian_filter(image.astype(np.float64), sigma * scale, axes=(0, 1), truncate=6)
    reference = round_to_8_bit(imresize(torch.from_numpy(blurred).permute(2, 0, 1)[None], 1 / scale))[0]
    assert (ours.double() - reference).abs().max() <= 1


def test_anisotropic_blur_has_the_covariance_of_its_deviations() -> None:
    degradation = BlurDownscaleNoise(**NOTHING | {"blur_sigma": [0.4, 1.2], "isotropic_probability": 0.0})
    angles = []
    for seed in range(20):
        kernel = degradation._blur_kernel(8, np.random.default_rng(seed)).double()
        grid = torch.arange(kernel.shape[0], dtype=torch.float64) / 8
        y, x = torch.meshgrid(grid - grid.mean(), grid - grid.mean(), indexing="ij")
        moments = [float((kernel * product).sum()) for product in (x * x, x * y, x * y, y * y)]
        variances, axes = np.linalg.eigh(np.reshape(moments, (2, 2)))
        drawn = sorted(np.random.default_rng(seed).uniform(0.4, 1.2, size=2))
        assert np.sqrt(variances) == pytest.approx(drawn, rel=0.02)
        assert kernel.sum() == pytest.approx(1)
        angles.append(np.arctan2(*axes[:, 1]) % np.pi)
    assert np.ptp(angles) > np.pi / 2


def flat(value: int) -> np.ndarray:
    return np.full((512, 512, 3), value, np.uint8)


def test_noise_has_the_stated_strength() -> None:
    gaussian = degrade(BlurDownscaleNoise(**NOTHING | {"gaussian_sigma": [7, 7]}), flat(128), 2).double()
    assert float(gaussian.mean()) == pytest.approx(128, abs=0.1)
    assert float(gaussian.std()) == pytest.approx(7, rel=0.02)
    photons = {"poisson_probability": 1.0, "poisson_photons": [500, 500]}
    for value in (60, 180):
        poisson = degrade(BlurDownscaleNoise(**NOTHING | photons), flat(value), 2).double()
        assert float(poisson.mean()) == pytest.approx(value, abs=0.1)
        assert float(poisson.std()) == pytest.approx((value / 255 * 500) ** 0.5 / 500 * 255, rel=0.02)


def test_jpeg_is_near_what_pillow_writes() -> None:
    image = picture(128, 128)
    plain = degrade(BlurDownscaleNoise(**NOTHING), image, 2)
    ours = degrade(BlurDownscaleNoise(**NOTHING | {"jpeg_probability": 1.0, "jpeg_quality": [30, 30]}), image, 2)
    file = io.BytesIO()
    Image.fromarray(plain.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=30, subsampling="4:2:0")
    pillow = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
    lost = (plain.double() - pillow.double()).pow(2).mean()
    assert (ours.double() - pillow.double()).pow(2).mean() < 0.25 * lost


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    folder = tmp_path_factory.mktemp("images")
    for number, size in enumerate([(60, 48), (97, 85)]):
        Image.fromarray(picture(*size)).save(folder / f"{number}.png")
    return build_store(sorted(folder.glob("*.png")), folder / "cache")


def rows_of(store: ImageStore, step: int, accumulate: int, world_size: int, seed: int = 0) -> list[tuple[Any, ...]]:
    """Every row of one optimiser step as bytes, whatever it is divided into."""
    degradation, rows = BlurDownscaleNoise(**EVERYTHING), []
    for rank in range(world_size):
        layout = Layout(12, accumulate, rank, world_size)
        dataset = MixedScaleCrops(store, (2, 3, 4), 9, "all", seed, layout, degradation)
        for part in range(accumulate):
            batch = to_batch(dataset[step * accumulate + part], degradation)
            hr = [image for group in batch.hr for image in group]
            rows += [
                (name, lr.numpy().tobytes(), image.numpy().tobytes())
                for name, lr, image in zip(batch.names, batch.lr, hr, strict=True)
            ]
    return sorted(rows)


@pytest.mark.parametrize(("accumulate", "world_size"), [(3, 1), (2, 3), (1, 12)])
def test_rows_are_the_same_bits_however_the_batch_is_divided(
    store: ImageStore, accumulate: int, world_size: int
) -> None:
    for step in (0, 4):
        torch.manual_seed(step + accumulate)  # whatever else draws
        before = torch.get_rng_state()
        assert rows_of(store, step, accumulate, world_size) == rows_of(store, step, 1, 1)
        assert torch.equal(torch.get_rng_state(), before)


def test_rows_differ_by_seed_step_and_row(store: ImageStore) -> None:
    lr = [row[1] for step in (0, 1) for seed in (0, 1) for row in rows_of(store, step, 1, 1, seed)]
    assert len(set(lr)) == 48


def test_seeds_change_the_lr_patch_alone() -> None:
    degradation = BlurDownscaleNoise(**EVERYTHING)
    crop = torch.from_numpy(crop_with_margin(picture(64, 64), 4, 3, 8, 2, degradation.margin)).permute(2, 0, 1)
    crops = torch.stack([crop, crop, crop])
    a, b, again = degradation(crops, 2, [1, 2, 1])
    assert a.shape == (3, 8, 8)
    assert torch.equal(a, again)
    assert not torch.equal(a, b)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"blur_sigma": [0, 1]}, r"blur_sigma=\[0, 1\] must be two numbers \[from,to\] within 0\.01 and 8"),
        ({"gaussian_sigma": [3, 2]}, r"gaussian_sigma=\[3, 2\] must be two numbers"),
        ({"jpeg_quality": [50]}, r"jpeg_quality=\[50\] must be two numbers"),
        (
            {"poisson_probability": 1.5},
            r"data\.blur_downscale_noise\.poisson_prob.*=1\.5 must lie between 0 and 1",
        ),
    ],
)
def test_values_out_of_range_are_named(change: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        BlurDownscaleNoise(**EVERYTHING | change)


def test_defaults_are_visible_but_leave_a_picture() -> None:
    degradation = instantiate(OmegaConf.load(CONFIG_FOLDER / "data" / "blur_downscale_noise" / "default.yaml"))
    image = read_rgb(VALIDATION_PHOTOGRAPHS[0])[100:228, 100:228]
    plain = degrade(BlurDownscaleNoise(**NOTHING), image, 2).double()
    errors = [(degrade(degradation, image, 2, seed).double() - plain).pow(2).mean() for seed in range(20)]
    decibels = 10 * torch.log10(255**2 / torch.stack(errors))
    assert 20 < float(decibels.min()) < float(decibels.max()) < 45
