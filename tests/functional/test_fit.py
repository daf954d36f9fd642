"""What was computed at the nearest fraction, brought to the size of the scale itself."""

import pytest
import torch

from igconv_sr.functional.fit import fit
from igconv_sr.scale import nearest_ratio


@pytest.mark.parametrize(("height", "width"), [(1000, 1), (1, 1000), (1000, 2)])
def test_a_ramp_stays_one_in_the_narrowest_image_too(height: int, width: int) -> None:
    scale, ratio = 1.234567, nearest_ratio(1.234567)
    rows, columns = round(height * ratio.p / ratio.q), round(width * ratio.p / ratio.q)
    axis = -1 if height == 1 else -2
    ramp = torch.linspace(0, 1, max(rows, columns)).view(1, 1, *((1, -1) if height == 1 else (-1, 1)))
    fitted = fit(ramp.expand(1, 3, rows, columns), height, width, scale)
    size = round(height * scale), round(width * scale)
    assert fitted.shape == (1, 3, *size)
    assert max(size) != max(rows, columns)
    expected = torch.linspace(0, 1, max(size)).expand(1, 3, min(size), -1)
    torch.testing.assert_close(fitted.movedim(axis, -1).reshape(expected.shape), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_differs_by_its_rounding_alone(dtype: torch.dtype) -> None:
    image = torch.rand(1, 3, 545, 7).to(dtype)
    fitted = fit(image, 200, 3, 2.7182)
    assert fitted.dtype == dtype
    torch.testing.assert_close(fitted, fit(image.float(), 200, 3, 2.7182).to(dtype), rtol=0, atol=0)
