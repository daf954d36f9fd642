"""The next item is read while the current one is in use; errors and the order stay."""

import threading

import pytest

from igconv_sr.data import Prefetch
from igconv_sr.errors import InputError


class Recorded:
    def __init__(self, count: int) -> None:
        self.begun = [threading.Event() for _ in range(count)]

    def __len__(self) -> int:
        return len(self.begun)

    def __getitem__(self, index: int) -> int:
        self.begun[index].set()
        if index == 3:
            raise InputError("the fourth is damaged")
        return index


@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_item_once_and_in_order(count: int) -> None:
    for _ in range(2):
        assert list(Prefetch(Recorded(count))) == list(range(count))


def test_the_next_item_is_read_meanwhile_and_no_further_one() -> None:
    items = Recorded(3)
    for index in Prefetch(items):
        if index < 2:
            assert items.begun[index + 1].wait(timeout=20)
        assert sum(event.is_set() for event in items.begun) <= index + 2


def test_errors_arrive_as_they_are_at_their_item() -> None:
    seen = []
    with pytest.raises(InputError, match=r"^the fourth is damaged$"):
        seen.extend(Prefetch(Recorded(5)))
    items = iter(Prefetch(Recorded(5)))
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError):
        next(items)
