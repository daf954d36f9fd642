"""Which scale a picture is enlarged by, and what the network is asked for.

Legend: r scale, p/q the fraction it is computed at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from igconv_sr.errors import InputError

LARGEST = 64
"""Of scales, and of p."""


def parse_scale(text: str) -> Fraction:
    """A scale as people write it: a whole number, a decimal one or a fraction.

    Raises:
        InputError: If it is none of them, or not above 1 and up to 64.

    Example:
        >>> parse_scale("3"), parse_scale("2.5"), parse_scale("22/7")
        (Fraction(3, 1), Fraction(5, 2), Fraction(22, 7))
    """
    try:
        scale = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        scale = Fraction(0)
    if not 1 < scale <= LARGEST:
        raise InputError(f"scale {text!r} is not a number above 1 and up to {LARGEST}; use for example 3, 2.5 or 22/7")
    return scale


def nearest_fraction(scale: Fraction) -> Fraction:
    """The fraction p/q above 1 with p of at most 64 that lies nearest to a scale.

    Example:
        >>> nearest_fraction(Fraction("2.71828")), nearest_fraction(Fraction("3.14159"))
        (Fraction(49, 18), Fraction(22, 7))
    """
    candidates = (
        Fraction(p, q) for p in range(2, LARGEST + 1) for q in {int(p / scale), int(p / scale) + 1} if 0 < q < p
    )
    return min(candidates, key=lambda candidate: (abs(candidate - scale), candidate.numerator))


def enlarged_size(size: int, scale: Fraction) -> int:
    """Pixels of an axis of ``size`` LR pixels after enlargement: as many as have their centre inside the LR image."""
    return max(math.ceil(size * scale - Fraction(1, 2)), 1)


@dataclass(frozen=True)
class Enlargement:
    """What is asked for: one of the three.

    Attributes:
        scale: r.
        width: Pixels across of the result.
        height: Pixels down of the result.
    """

    scale: Fraction | None = None
    width: int | None = None
    height: int | None = None

    @property
    def mark(self) -> str:
        """What follows the name of a file: ``x3``, ``x2.5``, ``x22-7``, ``w1920`` or ``h1080``."""
        if self.scale is None:
            return f"w{self.width}" if self.width is not None else f"h{self.height}"
        decimal = f"{float(self.scale):g}"
        return f"x{decimal}" if Fraction(decimal) == self.scale else f"x{self.scale.numerator}-{self.scale.denominator}"

    def of(self, height: int, width: int) -> tuple[Fraction, tuple[int, int]]:
        """The fraction p/q to compute an image at, and height and width of the result; both sides grow alike.

        Raises:
            InputError: If the image is that large already.
        """
        if self.scale is not None:
            size = enlarged_size(height, self.scale), enlarged_size(width, self.scale)
            return nearest_fraction(self.scale), size
        wanted, side, name = (self.width, width, "wide") if self.width is not None else (self.height, height, "high")
        assert wanted is not None
        scale = Fraction(wanted, side)
        if scale <= 1:
            raise InputError(f"is {side} pixels {name}, and is only enlarged, not reduced to {wanted}")
        if scale > LARGEST:
            raise InputError(f"is {side} pixels {name}; {wanted} is more than {LARGEST} times that")
        other = enlarged_size(height if self.width is not None else width, scale)
        return nearest_fraction(scale), ((other, wanted) if self.width is not None else (wanted, other))


def network_scale(scale: Fraction) -> int | float:
    """The scale as networks take it."""
    return scale.numerator if scale.denominator == 1 else float(scale)


def stand_ins(scale: Fraction) -> Sequence[Fraction]:
    """Whole scales for a network that does not serve a scale, nearest first; the result is then reduced."""
    return [Fraction(whole) for whole in range(math.ceil(scale), 9) if whole > 1 and whole != scale]
