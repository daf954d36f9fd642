"""Mirror padding of any width, also wider than the image itself."""

from typing import Literal

import torch
from torch import Tensor

PadMode = Literal["reflect", "symmetric"]


def mirror_indices(size: int, before: int, after: int, mode: PadMode, device: torch.device | None = None) -> Tensor:
    """Source index of every position of an axis of length ``size`` after mirror padding.

    ``symmetric`` repeats the edge pixel (MATLAB's and NumPy's word), ``reflect`` does not. A padding
    wider than the image reflects again at the other side, which is what padding in steps gives.

    Example:
        >>> mirror_indices(3, 1, 4, "reflect").tolist()
        [1, 0, 1, 2, 1, 0, 1, 2]
        >>> mirror_indices(3, 1, 4, "symmetric").tolist()
        [0, 0, 1, 2, 2, 1, 0, 0]
    """
    position = torch.arange(-before, size + after, device=device)
    # The period is a tensor: of the remainder by a number that depends on the size, no ONNX can be made.
    if mode == "symmetric":
        position = position % position.new_full((1,), 2 * size)
        return torch.minimum(position, 2 * size - 1 - position)
    period = position.new_full((1,), 2 * size - 2).clamp(min=1)
    position = position % period
    return torch.minimum(position, period - position)


def pad_bottom_right(image: Tensor, multiple: int, mode: PadMode) -> Tensor:
    """Pads (B,C,H,W) at the bottom and the right until H and W are multiples of ``multiple``.

    Returns the image itself where nothing is needed.
    """
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if bottom:
        image = image.index_select(-2, mirror_indices(height, 0, bottom, mode, image.device))
    if right:
        image = image.index_select(-1, mirror_indices(width, 0, right, mode, image.device))
    return image
