"""Brings an image to the size that belongs to a scale that is no fraction p/q."""

from torch import Tensor

from igconv_sr.functional.imresize import interpolate
from igconv_sr.functional.paired_size import output_size
from igconv_sr.scale import Scale, is_fraction


def fit(image: Tensor, height: int, width: int, scale: Scale) -> Tensor:
    """Resizes what was computed at the nearest fraction p/q, by the last percent, to the size of the scale itself.

    Nothing is done at scales that are such a fraction, or where the size is right already. Scale and fraction differ
    by at most 0.8 % up to ×4 and 1.6 % beyond.

    Args:
        image: (B,3,p/q·H,p/q·W), any value range.
        height: H, of the LR image.
        width: W.
        scale: r.

    Returns:
        (B,3,r·H,r·W) as :func:`igconv_sr.functional.paired_size.output_size` rounds it, by antialiased bicubic
        interpolation.
    """
    if is_fraction(scale):
        return image
    size = output_size(height, width, scale)
    return image if image.shape[-2:] == size else interpolate(image, size)
