"""Multi-scale image super-resolution with Implicit Grid Convolution.

Example:
    >>> import igconv_sr
    >>> net = igconv_sr.load("outputs/train/…/model.safetensors")  # doctest: +SKIP
    >>> sr = net(lr, scale=3)  # RGB in [0,1], (B,3,H,W) -> (B,3,3H,3W)  # doctest: +SKIP
    >>> larger = net.upscale(image, 3)  # a PIL image, an array or a tensor, and back  # doctest: +SKIP
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igconv_sr.weights.checkpoint import load

__all__ = ["load"]

# Memory is measured by torch's profiler, which announces itself on the terminal; read when torch is imported.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def __getattr__(name: str) -> Any:
    """Imports torch and Lightning only once something needs them."""
    if name == "load":
        from igconv_sr.weights.checkpoint import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
