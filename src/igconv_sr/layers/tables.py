"""Tables that depend on sizes alone (masks, indices, coordinates): computed once per size and device."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, cast

import torch
from torch import Tensor

_KEPT = 32
"""Results kept per function: a training needs a handful, an evaluation a new one per image size."""

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
            return kept(*args, **kwargs)

    return table
