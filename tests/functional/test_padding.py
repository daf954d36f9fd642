"""Mirror padding against NumPy's, and against padding in steps."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from igconv_sr.functional.padding import PadMode, mirror_indices, pad_bottom_right

MODES: list[PadMode] = ["reflect", "symmetric"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (0, 2), (3, 4), (11, 17)])
def test_indices_equal_numpys_padding(mode: PadMode, size: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(size), (before, after), mode=mode)
    assert mirror_indices(size, before, after, mode).tolist() == expected.tolist()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 4), (9, 16), (2, 7)], ids=str)
@pytest.mark.parametrize("multiple", [1, 4, 8])
def test_bottom_right_padding_equals_numpys(mode: PadMode, size: tuple[int, int], multiple: int) -> None:
    image = torch.rand(2, 3, *size)
    widths = [(0, 0), (0, 0), *((0, -n % multiple) for n in size)]
    expected = np.pad(image.numpy(), widths, mode=mode)
    assert torch.equal(pad_bottom_right(image, multiple, mode), torch.from_numpy(expected))


def reflect_in_steps(image: Tensor, bottom: int, right: int) -> Tensor:
    """torch's reflection, as often as it takes: each step adds at most the size less one."""
    while bottom or right:
        down, across = min(bottom, image.shape[-2] - 1), min(right, image.shape[-1] - 1)
        image = F.pad(image, (0, across, 0, down), mode="reflect")
        bottom, right = bottom - down, right - across
    return image


@pytest.mark.parametrize("size", [(2, 2), (2, 5), (3, 7)], ids=str)
@pytest.mark.parametrize("multiple", [8, 16])
def test_images_smaller_than_the_padding_are_reflected_in_steps(size: tuple[int, int], multiple: int) -> None:
    image = torch.rand(1, 2, *size)
    expected = reflect_in_steps(image, *(-n % multiple for n in size))
    assert torch.equal(pad_bottom_right(image, multiple, "reflect"), expected)


def test_fitting_images_are_not_copied() -> None:
    image = torch.rand(1, 3, 8, 16)
    assert pad_bottom_right(image, 8, "reflect") is image


def test_gradients_of_mirrored_pixels_add_up() -> None:
    image = torch.rand(1, 1, 3, 2, dtype=torch.float64, requires_grad=True)
    pad_bottom_right(image, 4, "symmetric").sum().backward()
    assert image.grad is not None
    assert image.grad[0, 0].tolist() == [[2, 2], [2, 2], [4, 4]]
