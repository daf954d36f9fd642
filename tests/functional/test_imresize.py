"""The reduction against MATLAB's files, and against its formula written out in float64."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from conftest import shared
from igconv_sr.data.batches.crops import crop_with_margin
from igconv_sr.functional import imresize, imresize_uint8
from igconv_sr.functional.imresize import KERNEL_REACH, reduce_crop_uint8


def read(path) -> Tensor:
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None]


def cubic(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def weights(size: int, scale: Fraction) -> np.ndarray:
    """(out, in): MATLAB's ``contributions`` for the cubic kernel, with antialiasing and mirrored edges."""
    factor, widening = float(scale), min(float(scale), 1.0)
    matrix = np.zeros((math.ceil(size * scale), size))
    for row, out in enumerate(matrix):
        centre = (row + 0.5) / factor - 0.5
        reach = math.ceil(2 / widening) + 1
        for tap in range(math.floor(centre) - reach, math.floor(centre) + reach + 2):
            mirrored = tap % (2 * size)
            out[min(mirrored, 2 * size - 1 - mirrored)] += cubic((centre - tap) * widening)
    return matrix / matrix.sum(axis=1, keepdims=True)


def direct(image: Tensor, scale: Fraction, rounding: bool = False) -> Tensor:
    """Rows first, as MATLAB does; ``rounding`` to 8 bit after each pass."""
    values = image.double().numpy()
    for axis in (-2, -1):
        matrix = weights(values.shape[axis], scale)
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
        if rounding:
            values = np.clip(np.floor(values + 0.5), 0, 255)
    return torch.from_numpy(values)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("benchmark", "count"), [("Set5", 5), ("Set14", 14)])
def test_reduction_equals_matlabs_files_bit_for_bit(benchmark: str, count: int, scale: int) -> None:
    files = sorted(shared("data", "benchmarks", benchmark, "HR").glob("*.png"))
    assert len(files) == count
    for path in files:
        hr = read(path)
        height, width = (size // scale * scale for size in hr.shape[-2:])
        reduced = imresize_uint8(hr[..., :height, :width], 1 / scale)
        reference = read(path.parents[1] / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png")
        assert torch.equal(reduced, reference), path.name


SCALES = [Fraction(1, r) for r in (2, 3, 4, 8)] + [Fraction(n) for n in (1, 2, 3, 4)]
SCALES += [Fraction(2, 5), Fraction(3, 2), Fraction(5, 7)]


@pytest.mark.parametrize("size", [(24, 48), (23, 37), (5, 2), (1, 1), (1, 9)], ids=str)
@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_imresize_equals_the_formula_in_float64(scale: Fraction, size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    resized = imresize(image, float(scale))
    assert resized.shape[-2:] == tuple(math.ceil(n * scale) for n in size)
    torch.testing.assert_close(resized, direct(image, scale), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [Fraction(1, 8), Fraction(1, 3), Fraction(2, 5), Fraction(3)], ids=str)
def test_imresize_uint8_rounds_between_the_passes(scale: Fraction) -> None:
    image = torch.randint(256, (1, 3, 45, 67), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    ours, between = imresize_uint8(image, float(scale)).double(), direct(image, scale, rounding=True)
    assert torch.equal(ours, between)
    once = direct(image, scale).add(0.5).floor().clamp(0, 255)
    assert not torch.equal(ours, once)


def test_where_exact_arithmetic_ends_at_a_half_a_value_may_be_one_off() -> None:
    image = torch.randint(256, (1, 3, 120, 180), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    ours, exact = imresize_uint8(image, 2 / 3).double(), direct(image, Fraction(2, 3), rounding=True)
    off = (ours - exact).abs()
    assert off.max() == 1
    assert 0 < (off > 0).double().mean() < 3e-3


def test_constant_images_stay_constant() -> None:
    image = torch.full((1, 1, 13, 7), 201, dtype=torch.uint8)
    assert imresize_uint8(image, 1 / 3).unique().tolist() == [201]
    assert imresize_uint8(image, 4).unique().tolist() == [201]


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("patch", [1, 3, 6])
def test_reduced_crops_equal_the_reduced_whole_image(scale: int, patch: int) -> None:
    """At every position, hence at every border; the image is no multiple of the scale."""
    height, width = 7 * scale + 1, 6 * scale + scale - 1
    image = np.random.default_rng(scale).integers(256, size=(height, width, 3), dtype=np.uint8)
    as_tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    whole = imresize_uint8(as_tensor[..., : 7 * scale, : 6 * scale], 1 / scale)
    for top in range(7 - patch + 1):
        for left in range(6 - patch + 1):
            crop = torch.from_numpy(crop_with_margin(image, top, left, patch, scale, KERNEL_REACH).copy())
            reduced = reduce_crop_uint8(crop.permute(2, 0, 1)[None], scale, KERNEL_REACH)
            assert torch.equal(reduced, whole[..., top : top + patch, left : left + patch]), (top, left)


def test_a_crop_as_large_as_a_tiny_image_is_mirrored_more_than_once() -> None:
    image = np.random.default_rng(0).integers(256, size=(4, 4, 3), dtype=np.uint8)
    crop = torch.from_numpy(crop_with_margin(image, 0, 0, 1, 4, KERNEL_REACH)).permute(2, 0, 1)[None]
    whole = imresize_uint8(torch.from_numpy(image).permute(2, 0, 1)[None], 1 / 4)
    assert torch.equal(reduce_crop_uint8(crop, 4, KERNEL_REACH), whole)


@pytest.mark.parametrize("scale", [0, -1, -0.5])
def test_scales_that_are_not_positive_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        imresize(torch.rand(1, 1, 4, 4), scale)


def test_each_variant_refuses_the_others_dtype() -> None:
    with pytest.raises(ValueError, match="imresize_uint8"):
        imresize(torch.zeros(1, 1, 4, 4, dtype=torch.uint8), 2)
    with pytest.raises(ValueError, match="uint8"):
        imresize_uint8(torch.zeros(1, 1, 4, 4), 2)


@pytest.mark.parametrize("size", [(20, 1), (1, 20), (1, 1)])
def test_a_single_column_or_row_is_resized_as_any_other(size: tuple[int, int]) -> None:
    """torch 2.13 itself makes one value of a single column."""
    image = torch.rand(1, 3, *size, dtype=torch.float64)
    for scale in (Fraction(3), Fraction(1, 2)):
        torch.testing.assert_close(imresize(image, float(scale)), direct(image, scale), rtol=0, atol=1e-12)
