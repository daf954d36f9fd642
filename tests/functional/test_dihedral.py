"""The eight symmetries of the square form a group, and FGRep averages over all of them."""

import itertools

import numpy as np
import pytest
import torch

from igconv_sr.functional import dihedral_inverse, dihedral_mean, dihedral_transform
from igconv_sr.functional.dihedral import GROUP_ORDER, dihedral_transform_rows

SQUARE = torch.arange(9).view(3, 3)
ELEMENTS = range(GROUP_ORDER)


def as_tuple(image: torch.Tensor) -> tuple[int, ...]:
    return tuple(image.flatten().tolist())


COPIES = {as_tuple(dihedral_transform(SQUARE, element)): element for element in ELEMENTS}


def test_the_eight_elements_are_distinct_and_zero_is_the_identity() -> None:
    assert len(COPIES) == 8
    assert torch.equal(dihedral_transform(SQUARE, 0), SQUARE)


def test_products_stay_in_the_group_and_every_element_has_one_inverse() -> None:
    product = {
        (first, second): COPIES[as_tuple(dihedral_transform(dihedral_transform(SQUARE, first), second))]
        for first, second in itertools.product(ELEMENTS, repeat=2)
    }
    for first in ELEMENTS:
        row = [product[first, second] for second in ELEMENTS]
        assert sorted(row) == list(ELEMENTS)
        assert row.count(0) == 1


@pytest.mark.parametrize("element", ELEMENTS)
def test_elements_flip_first_and_then_turn(element: int) -> None:
    image = torch.rand(2, 3, 4, 5)
    expected = np.flip(image.numpy(), -1) if element >= 4 else image.numpy()
    expected = np.rot90(expected, element % 4, axes=(-2, -1))
    assert np.array_equal(dihedral_transform(image, element).numpy(), expected)


@pytest.mark.parametrize("element", ELEMENTS)
def test_inverses_undo(element: int) -> None:
    image = torch.rand(2, 3, 4, 5)
    assert torch.equal(dihedral_inverse(dihedral_transform(image, element), element), image)


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_mean_is_the_mean_over_the_eight_copies(size: int) -> None:
    kernel = torch.randn(6, 2, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    copies = torch.stack([dihedral_transform(kernel, element) for element in ELEMENTS])
    torch.testing.assert_close(dihedral_mean(kernel), copies.mean(dim=0), rtol=0, atol=1e-14)


@pytest.mark.parametrize("elements", [list(ELEMENTS), [5, 0, 3, 3, 7, 1, 6, 2, 4, 5, 0], [2], [4, 4], [0, 1]], ids=str)
def test_images_by_their_own_elements_equal_each_alone(elements: list[int]) -> None:
    images = torch.randint(256, (len(elements), 3, 5, 5), dtype=torch.uint8)
    expected = torch.stack([dihedral_transform(image, e) for image, e in zip(images, elements, strict=True)])
    before = images.clone()
    for layout in (images, images.to(memory_format=torch.channels_last)):
        turned = dihedral_transform_rows(layout, elements)
        assert turned.is_contiguous()
        assert torch.equal(turned, expected)
    assert torch.equal(images, before), "the images themselves were turned"
