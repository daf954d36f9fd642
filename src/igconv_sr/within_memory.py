"""Whole images, or tiles from where memory runs out."""

from collections.abc import Callable
from typing import TypeVar

import torch

from igconv_sr.errors import InputError
from igconv_sr.inference import Inference
from igconv_sr.upscale.memory import out_of_memory

T = TypeVar("T")


def within_memory(run: Callable[[Inference], T], inference: Inference, lr_size: tuple[int, int]) -> tuple[T, Inference]:
    """Runs something on an image, and on smaller and smaller tiles as long as memory runs out.

    The least tiles take less than a step of the training did.

    Args:
        run: Called with the way to compute SR.
        inference: The way asked for.
        lr_size: H and W of the LR image.

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
        inference = _smaller(inference, lr_size)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _smaller(inference: Inference, lr_size: tuple[int, int]) -> Inference:
    smaller = inference.with_smaller_tiles(max(lr_size))
    if smaller is None:
        raise InputError("memory is not enough even for the smallest tiles; free some, or use trainer.accelerator=cpu")
    return smaller
