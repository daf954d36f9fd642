"""Loss terms against NumPy in float64, and their weighted sum."""

import numpy as np
import pytest
import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.losses import WeightedLoss
from igconv_sr.losses.weighted import TERMS, frequency, l1


def images(*size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(size))
    return torch.rand(3, 3, *size, generator=generator), torch.rand(3, 3, *size, generator=generator)


def spectra(sr: Tensor, hr: Tensor) -> list[float]:
    """The paper's term, image by image: both images transformed, real and imaginary parts compared."""
    values = []
    for a, b in zip(sr.double().numpy(), hr.double().numpy(), strict=True):
        first, second = np.fft.rfft2(a), np.fft.rfft2(b)
        parts = np.stack((first.real - second.real, first.imag - second.imag))
        values.append(np.abs(parts).mean())
    return values


@pytest.mark.parametrize("size", [(144, 144), (9, 14), (7, 5), (1, 1)], ids=str)
def test_frequency_is_the_formula_for_each_image_alone(size: tuple[int, int]) -> None:
    sr, hr = images(*size)
    assert frequency(sr, hr).tolist() == pytest.approx(spectra(sr, hr), rel=1e-5)


def test_l1_is_the_formula_for_each_image_alone() -> None:
    sr, hr = images(9, 14)
    expected = [np.abs(a - b).mean() for a, b in zip(sr.double().numpy(), hr.double().numpy(), strict=True)]
    assert l1(sr, hr).tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_frequency_stays_in_float32_under_autocast(dtype: torch.dtype) -> None:
    """144 is no power of two: half precision could not even transform it."""
    sr, hr = images(144, 144)
    sr, hr = sr.to(dtype).requires_grad_(), hr.to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        values = frequency(sr, hr)
    assert values.dtype == torch.float32
    assert values.tolist() == pytest.approx(spectra(sr.detach(), hr), rel=1e-5)
    (gradient,) = torch.autograd.grad(values.sum(), sr)
    assert gradient.isfinite().all()
    assert gradient.any()


def test_total_is_the_weighted_sum_and_terms_stay_unweighted() -> None:
    sr, hr = images(9, 14)
    total, terms = WeightedLoss(l1=2.0, frequency=0.05)(sr, hr)
    difference = np.abs((sr - hr).double().numpy()).mean(axis=(1, 2, 3))
    assert terms["l1"].tolist() == pytest.approx(difference, rel=1e-6)
    assert terms["frequency"].tolist() == pytest.approx(spectra(sr, hr), rel=1e-5)
    assert total.tolist() == pytest.approx(2 * difference + 0.05 * np.array(spectra(sr, hr)), rel=1e-5)


def test_a_weight_of_zero_leaves_the_term_out() -> None:
    sr, hr = images(8, 8)
    total, terms = WeightedLoss(l1=1.0, frequency=0.0)(sr, hr)
    assert list(terms) == ["l1"]
    assert torch.equal(total, l1(sr, hr))


def test_unknown_terms_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'charbonnier'; known are l1, frequency"):
        WeightedLoss(l1=1.0, charbonnier=1.0)


@pytest.mark.parametrize("weights", [{}, {"l1": 0.0}, dict.fromkeys(TERMS, 0.0)], ids=str)
def test_a_loss_of_nothing_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"loss\.l1, loss\.frequency"):
        WeightedLoss(**weights)


def test_negative_weights_are_refused() -> None:
    with pytest.raises(InputError, match="frequency"):
        WeightedLoss(l1=1.0, frequency=-0.05)
