"""Losses that are read later are told of as if they had been read at once."""

import pytest
import torch

from igconv_sr.errors import NonFiniteError
from igconv_sr.losses import UnreadLosses

GROUPS = [(2, 1), (2.5, 2)]
NAN, INFINITE = float("nan"), float("inf")


def test_the_first_bad_step_is_named_with_its_scales_and_images() -> None:
    unread = UnreadLosses()
    for step, values in enumerate([[1.0, 2.0, 3.0], [0.5, NAN, INFINITE], [NAN, NAN, NAN]], start=7):
        unread.add(step, torch.tensor(values, requires_grad=True), GROUPS, [f"{step}{name}.png" for name in "abc"])
    with pytest.raises(NonFiniteError) as caught:
        unread.check()
    assert str(caught.value).startswith(
        "the loss is not finite at step 8: ×2.5 8b.png (nan), ×2.5 8c.png (inf); lower optim.optimizer.lr or set "
    )


def test_what_was_read_is_forgotten() -> None:
    unread = UnreadLosses()
    unread.check()
    unread.add(0, torch.ones(3), GROUPS, ["a", "b", "c"])
    unread.check()
    unread.add(1, torch.full((3,), NAN), GROUPS, ["a", "b", "c"])
    with pytest.raises(NonFiniteError, match="step 1"):
        unread.check()
    unread.check()


def test_values_that_are_overwritten_later_are_remembered() -> None:
    """A CUDA graph gives the losses of all its batches in one tensor."""
    unread, values = UnreadLosses(), torch.tensor([1.0, NAN, 2.0])
    unread.add(4, values, GROUPS, ["a", "b", "c"])
    values.copy_(torch.ones(3))
    unread.add(5, values, GROUPS, ["d", "e", "f"])
    with pytest.raises(NonFiniteError, match=r"step 4: ×2\.5 b \(nan\);"):
        unread.check()
