"""Which scale a picture is enlarged by, and what the network is asked for.

Legend: r scale, p/q the fraction it is computed at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from igconv_sr.errors import InputError
from igconv_sr.scale import LARGEST, nearest_ratio


def computed_at(scale: Fraction) -> Fraction:
    """The fraction at which a network computes a scale.

    Example:
        >>> computed_at(Fraction("2.71828")), computed_at(Fraction("3.14159"))
        (Fraction(49, 18), Fraction(22, 7))
    """
    return Fraction(*nearest_ratio(scale))


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
        from igconv_sr.functional.paired_size import output_size  # behind torch, which the flags do not wait for

        if self.scale is not None:
            return computed_at(self.scale), output_size(height, width, self.scale)
        wanted, side, name = (self.width, width, "wide") if self.width is not None else (self.height, height, "high")
        assert wanted is not None
        scale = Fraction(wanted, side)
        if scale <= 1:
            raise InputError(f"is {side} pixels {name}, and is only enlarged, not reduced to {wanted}")
        if scale > LARGEST:
            raise InputError(f"is {side} pixels {name}; {wanted} is more than {LARGEST} times that")
        rows, columns = output_size(height, width, scale)
        return computed_at(scale), ((rows, wanted) if self.width is not None else (wanted, columns))


def network_scale(scale: Fraction) -> int | float:
    """The scale as networks take it."""
    return scale.numerator if scale.denominator == 1 else float(scale)


def stand_ins(scale: Fraction) -> Sequence[Fraction]:
    """Whole scales for a network that does not serve a scale, nearest first; the result is then reduced."""
    return [Fraction(whole) for whole in range(math.ceil(scale), 9) if whole > 1 and whole != scale]
