"""The losses that nothing has looked at yet: a GPU is waited for once in a while, not at every step."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from igconv_sr.errors import NonFiniteError


class _Losses(NamedTuple):
    step: int
    values: Tensor
    scales: list[float]
    names: list[str]


class UnreadLosses:
    """Keeps the loss of every image until :meth:`check`, which names the step at which one was not finite."""

    def __init__(self) -> None:
        self._unread: list[_Losses] = []

    def add(self, step: int, values: Tensor, groups: Sequence[tuple[float, int]], names: list[str]) -> None:
        """Keeps the losses of a batch, wherever they are.

        Args:
            step: The optimiser step.
            values: (B,), the loss of each image.
            groups: (scale, number of images) in the order of the images.
            names: Per image the file it was cut from.
        """
        scales = [scale for scale, rows in groups for _ in range(rows)]
        # CUDA graphs write those of the next batch into the same memory.
        self._unread.append(_Losses(step, values.detach().clone(), scales, names))

    def check(self) -> None:
        """Reads what was kept and forgets it.

        Raises:
            NonFiniteError: If a loss is NaN or infinite; of several steps the first is named.
        """
        unread, self._unread = self._unread, []
        if unread and not torch.cat([losses.values for losses in unread]).isfinite().all():
            raise NonFiniteError(next(filter(None, map(_what_is_not_finite, unread))))


def _what_is_not_finite(losses: _Losses) -> str:
    """A sentence, empty where all is well."""
    bad = [
        f"×{scale:g} {name} ({value})"
        for scale, name, value in zip(losses.scales, losses.names, losses.values.tolist(), strict=True)
        if not abs(value) < float("inf")
    ]
    if not bad:
        return ""
    return (
        f"the loss is not finite at step {losses.step}: {', '.join(bad)}; "
        "lower optim.optimizer.lr or set trainer.gradient_clip_val"
    )
