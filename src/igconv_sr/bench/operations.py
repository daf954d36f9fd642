"""Counts the operations of a call: what a GPU waits for while Python issues them, counted on any machine."""

from collections import Counter
from collections.abc import Iterable

from torch.autograd.profiler_util import FunctionEvent

_PREFIX = "aten::"


def leaf_operations(events: Iterable[FunctionEvent]) -> Counter[str]:
    """How often each of torch's operations ran that called no other one.

    Args:
        events: Of torch's profiler.

    Example:
        >>> import torch
        >>> from torch.profiler import profile
        >>> with profile() as profiled:
        ...     _ = torch.ones(3).exp_()
        >>> sorted(leaf_operations(profiled.events()).elements())
        ['aten::empty', 'aten::exp_', 'aten::fill_']
    """
    inner = {id(parent) for event in events if event.name.startswith(_PREFIX) for parent in _above(event)}
    return Counter(event.name for event in events if event.name.startswith(_PREFIX) and id(event) not in inner)


def _above(event: FunctionEvent) -> Iterable[FunctionEvent]:
    while (parent := event.cpu_parent) is not None:
        yield parent
        event = parent
