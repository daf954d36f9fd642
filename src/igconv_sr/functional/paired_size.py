"""Sizes of an LR image and its HR image that fit each other exactly, at any rational scale."""

from fractions import Fraction

from igconv_sr.errors import InputError

_LARGEST_TERM = 64


def scale_fraction(scale: float) -> Fraction:
    """A scale as a fraction p/q.

    Args:
        scale: r, more than 1.

    Raises:
        InputError: If it is no such fraction with p of at most 64.

    Example:
        >>> scale_fraction(2.5)
        Fraction(5, 2)
    """
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 1 < scale <= _LARGEST_TERM:
        raise InputError(f"scale {scale!r} is not a number above 1 and up to {_LARGEST_TERM}; use for example 2 or 2.5")
    fraction = Fraction(scale).limit_denominator(_LARGEST_TERM)
    if abs(fraction - Fraction(scale)) > 1e-9 or fraction.numerator > _LARGEST_TERM:
        raise InputError(
            f"scale {scale} is not a fraction p/q of whole numbers up to {_LARGEST_TERM}; use for example 2.5 or 3.2"
        )
    return fraction


def paired_size(size: int, scale: float) -> tuple[int, int]:
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
