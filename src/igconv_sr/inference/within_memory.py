"""Whole images, or tiles from where memory runs out."""

from collections.abc import Callable
from typing import TypeVar

import torch

from igconv_sr.errors import InputError
from igconv_sr.inference.memory import out_of_memory
from igconv_sr.inference.settings import Inference

T = TypeVar("T")


def within_memory(
    run: Callable[[Inference], T], inference: Inference, lr_size: tuple[int, int], name: str
) -> tuple[T, Inference]:
    """Runs something on an image, and on smaller and smaller tiles as long as memory runs out.

    The least tiles take less than a step of the training did.

    Args:
        run: Called with the way to compute SR.
        inference: The way asked for.
        lr_size: H and W of the LR image.
        name: Of the image, in words.

    Returns:
        What ``run`` gives, and the way in which it was computed.

    Raises:
        InputError: If not even the least tiles fit.
    """
    while True:
        try:
            return run(inference), inference
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        # Not before the error is gone, whose traceback holds what was computed so far.
        smaller = inference.with_smaller_tiles(max(lr_size))
        if smaller is None:
            raise InputError(f"memory is not enough for {name} even in the smallest tiles; free some")
        inference = smaller
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
