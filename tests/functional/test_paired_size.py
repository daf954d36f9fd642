"""LR and HR sizes at rational scales, against a search over all sizes."""

from fractions import Fraction

import pytest

from igconv_sr.errors import InputError
from igconv_sr.functional import paired_size
from igconv_sr.scale import scale_fraction


@pytest.mark.parametrize("scale", [2, 3, 4, 8, 1.5, 2.5, 2.2, 3.75, 6.4])
@pytest.mark.parametrize("size", [1, 7, 64, 100, 257])
def test_the_largest_sizes_whose_quotient_is_the_scale(size: int, scale: float) -> None:
    exact = Fraction(str(scale))
    fitting = [(int(hr / exact), hr) for hr in range(size + 1) if (hr / exact).denominator == 1]
    assert paired_size(size, scale) == max(fitting)


@pytest.mark.parametrize("scale", [1, 0, -2, 0.5, 65, True, "2", None, 3.14159, 6.7, float("nan"), float("inf")])
def test_what_is_no_scale_is_refused(scale: object) -> None:
    with pytest.raises(InputError, match=f"scale '?{scale}'? is not a"):
        scale_fraction(scale)  # type: ignore[arg-type]
