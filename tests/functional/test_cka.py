"""Linear CKA against its formula, its invariances, and the streaming form against all examples at once."""

import pytest
import torch
from torch import Tensor

from igconv_sr.functional.cka import StreamedCKA, linear_cka
from igconv_sr.system.peak_memory import peak_bytes


def features(count: int, width: int, seed: int = 0, offset: float = 0) -> Tensor:
    """Correlated features, some of them far from zero."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, width, generator=generator) @ torch.randn(width, width, generator=generator)
    return mixed + offset * torch.arange(width)


def by_formula(x: Tensor, y: Tensor) -> float:
    """Through the N×N Gram matrices: tr(K·L) / √(tr(K·K)·tr(L·L)) of the centred kernels."""
    count = len(x)
    centring = torch.eye(count, dtype=torch.float64) - 1 / count
    k, m = (centring @ f.double() @ f.double().mT @ centring for f in (x, y))
    return ((k * m).sum() / ((k * k).sum() * (m * m).sum()).sqrt()).item()


def test_it_is_the_formula() -> None:
    x, y = features(60, 7, offset=10), features(60, 5, seed=1)
    y[:, :3] += x[:, 2:5]
    assert linear_cka(x, y).item() == pytest.approx(by_formula(x, y), rel=1e-9)
    centred_x, centred_y = (f.double() - f.double().mean(0) for f in (x, y))
    direct = (centred_y.mT @ centred_x).norm() ** 2
    direct /= (centred_x.mT @ centred_x).norm() * (centred_y.mT @ centred_y).norm()
    assert linear_cka(x, y).item() == pytest.approx(direct.item(), rel=1e-12)
    assert 0.05 < direct < 0.95, "neither trivial value"


def test_with_itself_it_is_1() -> None:
    x = features(50, 6, offset=3)
    assert linear_cka(x, x).item() == pytest.approx(1, abs=1e-14)


def test_orthogonal_maps_shifts_and_factors_change_nothing_other_maps_do() -> None:
    x, y = features(80, 6), features(80, 4, seed=1)
    y += x[:, :4]
    turned = torch.linalg.qr(features(6, 6, seed=2).double()).Q
    before = linear_cka(x, y).item()
    assert linear_cka(-2.5 * x.double() @ turned + 4, y).item() == pytest.approx(before, rel=1e-12)
    assert linear_cka(x, 1e-3 * y).item() == pytest.approx(before, rel=1e-6)
    stretched = x * torch.tensor([9.0, 1, 1, 1, 1, 1])
    assert abs(linear_cka(stretched, y).item() - before) > 1e-3


def test_unrelated_examples_are_near_0_and_symmetric() -> None:
    x, y = features(20_000, 4), features(20_000, 6, seed=1)
    assert linear_cka(x, y).item() < 1e-3
    assert linear_cka(x, y).item() == pytest.approx(linear_cka(y, x).item(), rel=1e-12)


def test_constant_features_have_none() -> None:
    assert linear_cka(torch.ones(9, 2), features(9, 3)).isnan()


@pytest.mark.parametrize("sizes", [(97,), (1, 96), (50, 47), (1, 1, 5, 30, 60), (1,) * 97])
def test_any_split_into_batches_equals_all_at_once(sizes: tuple[int, ...]) -> None:
    # Means of a thousand times the deviation: sums of squares without centring would lose six digits.
    xs = [features(97, 3, offset=3000), features(97, 8, seed=1)]
    ys = [features(97, 5, seed=2), xs[0][:, :2] + features(97, 2, seed=3), xs[1]]
    streamed = StreamedCKA()
    parts = (torch.split(x, list(sizes)) for x in (*xs, *ys))
    for batch in zip(*parts, strict=True):
        streamed.update(batch[:2], batch[2:])
    matrix = streamed.compute()
    assert streamed.examples == 97
    assert matrix.shape == (2, 3)
    assert matrix.dtype == torch.float64
    for row, x in zip(matrix, xs, strict=True):
        for value, y in zip(row, ys, strict=True):
            assert value.item() == pytest.approx(linear_cka(x, y).item(), rel=1e-10)
            assert value.item() == pytest.approx(by_formula(x, y), rel=1e-5)
    assert matrix[1, 2].item() == pytest.approx(1, abs=1e-13)


def test_memory_does_not_grow_with_the_number_of_batches() -> None:
    def stream(batches: int) -> None:
        streamed = StreamedCKA()
        for seed in range(batches):
            x = features(64, 32, seed)
            streamed.update([x, x], [x])

    few, many = peak_bytes(lambda: stream(3)), peak_bytes(lambda: stream(60))
    assert many <= few, "60 batches hold no more at once than 3"
