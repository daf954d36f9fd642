"""Reads the next item while the current one is in use."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Items(Protocol[T_co]):
    """What is read: a sequence by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> T_co: ...


class Prefetch(Generic[T_co]):
    """Iterates over items, one ahead, in a thread: decoding an image needs no process of its own.

    Unlike from a worker of a DataLoader, errors arrive as they were raised, and nothing has to start first.

    Args:
        items: Read by index, in order.
    """

    def __init__(self, items: Items[T_co]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T_co]:
        with ThreadPoolExecutor(max_workers=1) as reader:
            coming = reader.submit(self.items.__getitem__, 0) if len(self) else None
            for following in range(1, len(self) + 1):
                assert coming is not None
                item = coming.result()
                if following < len(self):
                    coming = reader.submit(self.items.__getitem__, following)
                yield item
