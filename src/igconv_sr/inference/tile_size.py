"""How large tiles are and what they see beyond: as asked for, or as the free memory and the network's reach allow.

Legend: H and W size of the LR image, C channels, T side of a tile's core, h overlap, f feather (LR pixels).
"""

from collections.abc import Callable

import torch

from igconv_sr.errors import InputError
from igconv_sr.inference.memory import bytes_per_pixel, free_bytes
from igconv_sr.inference.prepared import Prepared
from igconv_sr.inference.tiles import Overlap, blended

_SMALL = 256**2
"""LR pixels; images up to here are computed at once without looking at the memory first."""

_SHARE = 0.5
"""The share of the free memory that is taken."""

_COPIES = 4
"""Copies of a band of the result that exist at once: being filled, waiting, being written, and as bytes of the file."""

_LEAST = 32
"""Side of a core in LR pixels."""

Say = Callable[[str], object]


def tiles_for(
    prepared: Prepared, size: tuple[int, int], pixel_bytes: int, asked: int | None, say: Say
) -> tuple[int, Overlap]:
    """T and the overlap for an image; if it is one tile, T is no less than its sides.

    Args:
        prepared: The network.
        size: H and W.
        pixel_bytes: Bytes of a pixel of the result, all C channels.
        asked: T, or None to choose it from the free memory.
        say: Is told where tiles cannot be exact.
    """
    height, width = size
    whole = max(size), Overlap(0, 0, prepared.step)
    core = prepared.core or (None if asked is None else -(-asked // prepared.step) * prepared.step)
    if core is not None:
        return whole if core >= max(size) else with_overlap(prepared, lambda _: core, say)
    if height * width <= _SMALL:
        return whole
    if prepared.bytes_per_pixel is None:
        with torch.no_grad():
            prepared.bytes_per_pixel = bytes_per_pixel(prepared.net, prepared.scale, prepared.device)
    per_row = _COPIES * float(prepared.scale) ** 2 * width * pixel_bytes
    needs = (prepared.bytes_per_pixel, per_row, _SHARE * free_bytes(prepared.device))
    if largest_core(size, whole[1], *needs) >= max(size):
        return whole
    return with_overlap(prepared, lambda overlap: largest_core(size, overlap, *needs), say)


def with_overlap(prepared: Prepared, core_for: Callable[[Overlap], int], say: Say) -> tuple[int, Overlap]:
    """T with the overlap that makes tiles exact, unless there is none or it would cost too much.

    Args:
        prepared: The network.
        core_for: T for an overlap.
        say: Is told where tiles cannot be exact.
    """
    step = prepared.step
    if (reach := prepared.reach) is not None:
        exact = Overlap(-(-reach // step) * step, 0, step)
        core = core_for(exact)
        if exact.seen <= 2 * core:
            return core, exact
        say(f"This model looks {reach} pixels far, too far for tiles of {core} pixels: tiles are blended")
    return core_for(blended(step)), blended(step)


def after_failure(prepared: Prepared, core: int, say: Say) -> int:
    """A smaller T, where memory has run out with one, for this image and those that follow.

    Raises:
        InputError: If there is no smaller one.
    """
    if core <= _least_core(prepared.step):
        other = "" if prepared.device.type == "cpu" else ", or use --device cpu"
        raise InputError(f"memory is not enough even for tiles of {core} pixels; free some{other}")
    prepared.core = _smaller(core, prepared.step)
    say(f"Memory ran out: tiles of {prepared.core} pixels from here on")
    return prepared.core


def largest_core(size: tuple[int, int], overlap: Overlap, per_pixel: float, per_row: float, budget: float) -> int:
    """The largest T, a multiple of the step, that memory allows, or the least there is.

    What is held at once: the network on (T+2h)² pixels, or fewer where the image ends, and the rows of the result.

    Args:
        size: H and W.
        overlap: h and f.
        per_pixel: Bytes of the network per LR pixel.
        per_row: Bytes of the result per LR row.
        budget: Bytes.
    """
    height, width = size
    core = -(-max(size) // overlap.step) * overlap.step
    while core > _least_core(overlap.step):
        seen = min(core + 2 * overlap.seen, height) * min(core + 2 * overlap.seen, width)
        if seen * per_pixel + min(core + 2 * overlap.feather, height) * per_row <= budget:
            break
        core = _smaller(core, overlap.step, factor=0.9)
    return core


def _least_core(step: int) -> int:
    """The least T that is chosen."""
    return -(-_LEAST // step) * step


def _smaller(core: int, step: int, factor: float = 0.5) -> int:
    """A smaller T, a multiple of the step."""
    return max(min(int(core * factor), core - 1) // step * step, _least_core(step))
