"""Sizes of LR images and the images that are larger by a scale r = p/q."""

from igconv_sr.scale import Ratio, Scale, exact_ratio, nearest_ratio, scale_fraction


def output_size(height: int, width: int, scale: Scale) -> tuple[int, int]:
    """Height and width of what a model makes of an LR image.

    As many pixels as have their centre inside the LR image: r·H and r·W, rounded, halves down.

    Args:
        height: H.
        width: W.
        scale: r, any number from 1 to 64.

    Raises:
        InputError: If the scale is no such number.

    Example:
        >>> output_size(7, 4, 1.5), output_size(100, 200, 3.14159)
        ((10, 6), (314, 628))
    """
    ratio = exact_ratio(scale)
    return output_length(height, ratio), output_length(width, ratio)


def output_length(size: int, ratio: Ratio) -> int:
    """As :func:`output_size`, along one axis."""
    p, q = ratio
    return -((q - 2 * size * p) // (2 * q))


def aligned(size: int, scale: Scale) -> int:
    """The smallest multiple of q that is not below ``size``: LR pixels that are whole pixels at p/q too.

    Example:
        >>> aligned(5, 1.5), aligned(5, 3)
        (6, 5)
    """
    q = nearest_ratio(scale).q
    return size + -size % q


def paired_size(size: int, scale: Scale) -> tuple[int, int]:
    """The LR size and the HR size at a scale r = p/q: the largest q·n and p·n that fit into an HR image.

    HR is then exactly r times as large as LR, and loses less than p pixels; at whole scales less than r.

    Args:
        size: Pixels of the HR image along one axis.
        scale: r.

    Example:
        >>> paired_size(256, 2.5), paired_size(256, 3)
        ((102, 255), (85, 255))
    """
    fraction = scale_fraction(scale)
    count = size // fraction.numerator
    return count * fraction.denominator, count * fraction.numerator


def larger(size: int, scale: Scale) -> int:
    """HR pixels of LR pixels whose number is a multiple of q, exactly.

    Example:
        >>> larger(6, 2.5), larger(-2, 2.5)
        (15, -5)
    """
    p, q = nearest_ratio(scale)
    assert size % q == 0
    return size * p // q


def smaller(size: int, scale: Scale) -> int:
    """LR pixels of HR pixels whose number is a multiple of p: the inverse of :func:`larger`."""
    p, q = nearest_ratio(scale)
    assert size % p == 0
    return size * q // p
