"""The rule for scales, against a search over all fractions."""

from fractions import Fraction

import numpy as np
import pytest

from igconv_sr.errors import InputError
from igconv_sr.functional import output_size
from igconv_sr.scale import nearest_ratio, parse_scale, plain_scale

ALL = [Fraction(p, q) for p in range(1, 65) for q in range(1, p + 1)]


@pytest.mark.parametrize("scale", [1, 1.001, 1.5, 1.92, 1.98, 1.999, 2.2, 2.71828, 7 / 3, 32.5, 63.7, 64])
def test_the_nearest_fraction_and_how_far_it_is(scale: float) -> None:
    ratio = nearest_ratio(scale)
    off = abs(Fraction(*ratio) - Fraction(scale))
    assert off == min(abs(fraction - Fraction(scale)) for fraction in ALL)
    assert off / Fraction(scale) <= (0.008 if scale <= 4 else 0.016)


@pytest.mark.parametrize(("text", "scale"), [("3", 3), ("2.5", 2.5), (" 22/7 ", Fraction(22, 7)), ("1", 1)])
def test_text(text: str, scale: float) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["0.5", "0", "-2", "65", "x3", "1/0", "nan", "inf", "", "1e999", "1E9999999999"])
def test_text_that_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a number from 1 to 64"):
        parse_scale(text)


@pytest.mark.parametrize("scale", [np.int64(3), np.uint8(2), np.float32(2.5), np.float64(2.2), np.float32(3.14159)])
def test_numbers_of_numpy_are_numbers(scale: float) -> None:
    assert nearest_ratio(scale) == nearest_ratio(scale.item())
    assert output_size(9, 7, scale) == output_size(9, 7, scale.item())
    assert all(type(part) is int for part in nearest_ratio(scale))
    if scale != np.float32(3.14159):
        assert repr(plain_scale(scale)) == repr(plain_scale(scale.item()))


@pytest.mark.parametrize("scale", [True, np.True_, None, "2", 2j, float("nan")])
def test_what_is_no_number_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match=r"^scale .* is not a number from 1 to 64; use for example 2, 2.5 or 22/7$"):
        nearest_ratio(scale)


def test_whole_scales_of_data_are_integers() -> None:
    assert [repr(plain_scale(scale)) for scale in (2, 2.0, "2", "5/2", 1.5)] == ["2", "2", "2", "2.5", "1.5"]


@pytest.mark.parametrize("scale", [1, 1.5, 2.5, 3, 3.14159])
@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_output_pixels_are_those_with_their_centre_inside(size: int, scale: float) -> None:
    inside = sum((i + Fraction(1, 2)) / Fraction(scale) < size for i in range(400))
    assert output_size(size, size, scale) == (inside, inside)
