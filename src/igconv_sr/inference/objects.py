"""Enlarging what Python programs hold: a PIL image, an array or a tensor; the same kind comes back.

Legend: B batch, C channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha; H and W size.
"""

import weakref
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from igconv_sr.errors import InputError
from igconv_sr.functional.paired_size import output_size
from igconv_sr.inference.enlargement import computed_at
from igconv_sr.inference.upscaler import Upscaler
from igconv_sr.pictures.reading import to_pixels_and_profile
from igconv_sr.pictures.writing import resized
from igconv_sr.scale import parse_scale
from igconv_sr.super_resolver import SuperResolver

ImageT = TypeVar("ImageT", Image.Image, "np.ndarray[Any, Any]", Tensor)

_KEPT = ("exif", "dpi")

_ARRAYS = (np.uint8, np.uint16, np.float16, np.float32, np.float64)
"""Types of arrays that are images."""

_ready: "weakref.WeakKeyDictionary[SuperResolver, dict[tuple[int | None, bool], tuple[int, Upscaler]]]" = (
    weakref.WeakKeyDictionary()
)
"""Networks that have been folded, with the state of the weights at that time."""

# Fused optimisers change weights without counting it.
register_optimizer_step_post_hook(lambda *_: _ready.clear())


def upscale(
    net: SuperResolver, image: ImageT, scale: float | str | Fraction, tile: int | None = None, ensemble: bool = False
) -> ImageT:
    """Enlarges an image; see :meth:`igconv_sr.network.Upscaling.upscale`."""
    exact = parse_scale(str(scale))
    upscaler = _upscaler(net, tile, ensemble)
    if isinstance(image, Image.Image):
        source, profile = to_pixels_and_profile(image)
        if not source.size:
            raise InputError(f"a picture of {image.width}×{image.height} pixels is no image")
        pixels = enlarge(upscaler, torch.from_numpy(source), exact).numpy()
        result = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        result.info |= {key: image.info[key] for key in _KEPT if key in image.info}
        if profile:
            result.info["icc_profile"] = profile
        return result
    if isinstance(image, np.ndarray):
        return _enlarge_array(upscaler, image, exact)
    if isinstance(image, Tensor):
        return _enlarge_tensor(upscaler, image, exact)
    raise InputError(f"upscale takes a PIL image, a NumPy array or a tensor, not {type(image).__name__}")


def _enlarge_array(upscaler: Upscaler, image: "np.ndarray[Any, Any]", scale: Fraction) -> "np.ndarray[Any, Any]":
    # Files are read into arrays of their own byte order, which need not be this machine's.
    dtype = image.dtype.newbyteorder("=")
    pixels = image[..., None] if image.ndim == 2 else image
    if dtype not in _ARRAYS or pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or not pixels.size:
        raise InputError(
            f"an array of {image.dtype} and shape {image.shape} is no image; use uint8, uint16 or floating point of up "
            "to 64 bits in [0,1], (H,W) or (H,W,C) with 1 to 4 channels"
        )
    # Writable: torch warns of others.
    native = np.require(pixels, dtype, ("C", "W"))
    larger = enlarge(upscaler, torch.from_numpy(native), scale).numpy()
    return larger[..., 0] if image.ndim == 2 else larger


def _enlarge_tensor(upscaler: Upscaler, image: Tensor, scale: Fraction) -> Tensor:
    images = image[None] if image.ndim == 3 else image
    known = image.dtype == torch.uint8 or image.is_floating_point()
    if not known or images.ndim != 4 or images.shape[1] not in (1, 2, 3, 4) or not images.numel():
        raise InputError(
            f"a tensor of {image.dtype} and shape {tuple(image.shape)} is no image; use uint8 or floating point in "
            "[0,1], (C,H,W) or (B,C,H,W) with 1 to 4 channels"
        )
    # What is computed has single precision; not every step knows bfloat16.
    pixels = (images if image.dtype == torch.uint8 else images.float()).detach().movedim(1, -1)
    larger = torch.stack([enlarge(upscaler, one, scale) for one in pixels]).movedim(-1, 1).to(image.dtype)
    return larger[0] if image.ndim == 3 else larger


def enlarge(
    upscaler: Upscaler, pixels: Tensor, scale: Fraction, progress: Callable[[float], object] = lambda _share: None
) -> Tensor:
    """Enlarges an image that fits into memory as a whole.

    Args:
        upscaler: The engine.
        pixels: (H,W,C) uint8, uint16, or floating point in [0,1].
        scale: r, from 1 to 64; where it is no fraction p/q, or not served, the result is resized from one nearby.
        progress: As for :meth:`igconv_sr.inference.upscaler.Upscaler.bands`.

    Returns:
        (r·H,r·W,C) of the same type on the same device.
    """
    size = output_size(pixels.shape[0], pixels.shape[1], scale)
    larger = torch.cat(list(upscaler.bands(pixels, computed_at(scale), progress)))
    if larger.shape[:2] == size:
        return larger
    return torch.from_numpy(resized(larger.cpu().numpy(), size)).to(larger.device)


def _upscaler(net: SuperResolver, tile: int | None, ensemble: bool) -> Upscaler:
    """Computes with kernels that are generated once, and again when the weights have changed or moved."""
    weights = [*net.parameters(), *net.buffers()]
    # What was loaded in inference mode does not count its changes, of which there will hardly be any.
    versions = [0 if weight.is_inference() else weight._version for weight in weights]
    state = hash(tuple((weight.data_ptr(), weight.device) for weight in weights) + tuple(versions))
    ready = _ready.setdefault(net, {})
    before, upscaler = ready.get((tile, ensemble), (None, None))
    if upscaler is None or before != state:
        device = weights[0].device if weights else torch.device("cpu")
        weak = cast(SuperResolver, weakref.proxy(net))  # what is kept for a network must not keep it
        upscaler = Upscaler(weak, device, tile, ensemble)
        ready[tile, ensemble] = (state, upscaler)
    return upscaler
