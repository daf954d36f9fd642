"""Tables that depend on sizes alone (masks, indices, coordinates): computed once per size and device."""

import contextlib
from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from typing import ParamSpec, cast

import torch
from torch import Tensor

_KEPT = 32
"""Results kept per function: a training needs a handful, an evaluation a new one per image size."""

_lists: list[list[Tensor]] = []
"""Those that :func:`noting_tables` fills now."""

P = ParamSpec("P")


def cached_table(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Keeps the last results of a function whose arguments are sizes and a device.

    A compiler sees the plain function instead: its tensors are not real ones and its sizes may be symbols.

    Example:
        >>> steps = cached_table(lambda size, device: torch.arange(size, device=device))
        >>> steps(3, torch.device("cpu")) is steps(3, torch.device("cpu"))
        True
    """
    kept = cast("Callable[P, Tensor]", lru_cache(maxsize=_KEPT)(function))

    @wraps(function)
    def table(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        # A table first needed during validation must serve the training after it.
        with torch.inference_mode(mode=False):
            made = kept(*args, **kwargs)
        for tables in _lists:
            tables.append(made)
        return made

    return table


@contextlib.contextmanager
def noting_tables() -> Iterator[list[Tensor]]:
    """Gives a list of the tables that are asked for meanwhile.

    Who reads them by their place in memory, as CUDA graphs do, has to keep that list: here they are forgotten once
    enough others have been asked for.
    """
    tables: list[Tensor] = []
    _lists.append(tables)
    try:
        yield tables
    finally:
        _lists.pop()
