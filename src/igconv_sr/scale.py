"""What a scale is, and the one rule for reading it.

A scale is a number from 1 to 64: an integer, a float or a ``fractions.Fraction``. A model computes at fractions p/q in
lowest terms with p up to 64; any other scale goes to the nearest of these, and the image is brought to its size
afterwards. Data needs pairs of images of exactly fitting sizes, and so takes those fractions alone, above 1.

Legend: r scale, p/q the fraction that stands for it: p output pixels for every q LR pixels.
"""

import math
import numbers
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from igconv_sr.errors import InputError

Scale = float | Fraction
"""A scale; integers are floats to a type checker."""

LARGEST = 64
"""The largest scale, and the largest p."""

_ROUNDING = 1e-9
"""A float this near to a fraction stands for it: 7/3 is no float."""


class Ratio(NamedTuple):
    """A scale p/q in lowest terms, as two integers that tensor code and ``torch.compile`` can work with.

    Attributes:
        p: Output pixels.
        q: LR pixels.
    """

    p: int
    q: int

    def __str__(self) -> str:
        return str(self.p) if self.q == 1 else f"{self.p}/{self.q}"

    @property
    def scale(self) -> Scale:
        """The scale, exactly."""
        return self.p if self.q == 1 else Fraction(self.p, self.q)


def parse_scale(text: str) -> Fraction:
    """Reads a scale as people write it: ``3``, ``2.5`` or ``22/7``.

    Raises:
        InputError: If it is no number, or out of range.

    Example:
        >>> parse_scale("2.5"), parse_scale("22/7")
        (Fraction(5, 2), Fraction(22, 7))
    """
    try:
        # With an exponent a few letters could stand for a number of a billion digits.
        scale = Fraction(0 if "e" in text.lower() else text.strip())
    except (ValueError, ZeroDivisionError):
        scale = Fraction(0)
    if not 1 <= scale <= LARGEST:
        raise _no_scale(text)
    return scale


def scale_fraction(scale: Scale) -> Fraction:
    """A scale that is exactly a fraction p/q: what data and benchmarks take.

    Args:
        scale: r, more than 1.

    Raises:
        InputError: If it is no such fraction with p of at most 64.

    Example:
        >>> scale_fraction(2.5)
        Fraction(5, 2)
    """
    given, scale = scale, _number(scale)
    if 1 < scale <= LARGEST:
        nearest = _nearest(Fraction(scale))
        if is_fraction(scale):
            return nearest
        raise InputError(
            f"scale {_as_written(scale)} is not a fraction p/q of whole numbers with p up to {LARGEST}; use for "
            f"example 2.5, or {nearest}, which is the nearest"
        )
    raise InputError(f"scale {given} is not a number above 1 and up to {LARGEST}; use for example 2 or 2.5")


def nearest_ratio(scale: Scale) -> Ratio:
    """The fraction p/q at which a model computes a scale: the nearest one with p of at most 64.

    Of two equally near ones it is that with the smaller p.

    Raises:
        InputError: If the scale is no number from 1 to 64.

    Example:
        >>> nearest_ratio(2.5), nearest_ratio(3.14159), nearest_ratio(1.999)
        (Ratio(p=5, q=2), Ratio(p=22, q=7), Ratio(p=2, q=1))
    """
    given, scale = scale, _number(scale)
    if not 1 <= scale <= LARGEST:
        raise _no_scale(given)
    return Ratio(scale, 1) if isinstance(scale, int) else Ratio(*_nearest(Fraction(scale)).as_integer_ratio())


def exact_ratio(scale: Scale) -> Ratio:
    """The scale itself in lowest terms, with p and q of any size, where it is none of :func:`nearest_ratio`'s."""
    nearest = nearest_ratio(scale)
    return nearest if is_fraction(scale) else Ratio(*Fraction(_number(scale)).as_integer_ratio())


def is_fraction(scale: Scale) -> bool:
    """Whether a scale is itself a fraction at which a model computes."""
    scale = _number(scale)
    return isinstance(scale, int) or abs(_nearest(Fraction(scale)) - Fraction(scale)) <= _ROUNDING


def plain_scale(scale: Scale | str) -> float:
    """A scale of data as it stands in batches, cards and results: an ``int`` where it is whole, else a ``float``.

    Args:
        scale: A number, or text such as ``7/3`` from a configuration.

    Raises:
        InputError: As :func:`scale_fraction`.

    Example:
        >>> plain_scale(2.0), plain_scale("5/2")
        (2, 2.5)
    """
    fraction = scale_fraction(parse_scale(scale) if isinstance(scale, str) else scale)
    return fraction.numerator if fraction.denominator == 1 else float(fraction)


@cache
def _nearest(scale: Fraction) -> Fraction:
    found = Fraction(1)
    for p in range(1, LARGEST + 1):
        for q in {math.floor(p / scale), math.ceil(p / scale)} - {0}:
            if abs(Fraction(p, q) - scale) < abs(found - scale):
                found = Fraction(p, q)
    return max(found, Fraction(1))


def _number(scale: object) -> Scale:
    """Python's own number for one of NumPy's as well; 0 for what is none."""
    if isinstance(scale, int | float | Fraction):
        return 0 if isinstance(scale, bool) else scale
    if isinstance(scale, numbers.Integral):
        return int(scale)
    return float(scale) if isinstance(scale, numbers.Real) else 0


def _as_written(scale: Scale) -> Scale:
    """A parsed ``2.71828`` as it was written, not as 67957/25000."""
    decimal = float(scale)
    return decimal if Fraction(str(decimal)) == scale else scale


def _no_scale(scale: object) -> InputError:
    return InputError(f"scale {scale!r} is not a number from 1 to {LARGEST}; use for example 2, 2.5 or 22/7")
