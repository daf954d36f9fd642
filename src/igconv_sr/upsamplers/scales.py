"""Which scales a module with weights of its own per scale serves, and what such weights are called."""

from collections.abc import Iterable

from igconv_sr.errors import InputError
from igconv_sr.scale import Scale, nearest_ratio


def scale_key(scale: Scale, available: Iterable[str] | None = None) -> str:
    """The name of a scale's weights: its fraction, ``"3"`` or ``"5/2"`` (a name of a parameter holds no dot).

    Args:
        scale: r.
        available: The names that there are; None where any will do.

    Raises:
        InputError: If the scale is no number from 1 to 64, or there are no weights for it.

    Example:
        >>> scale_key(3), scale_key(2.5)
        ('3', '5/2')
    """
    key = str(nearest_ratio(scale))
    if available is not None and key not in (names := list(available)):
        held = ", ".join(f"×{name}" for name in names)
        raise InputError(f"this model has no weights for ×{key}, only for {held}")
    return key


def whole_scale(scale: object) -> int:
    """The scale of a head whose weights are made for it, which only whole ones can have.

    Raises:
        InputError: If it is not an integer of 2 or more.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 2:
        raise InputError(f"scale {scale!r} is not an integer of 2 or more; use for example 2, 3 or 4, or IGConv")
    return scale
