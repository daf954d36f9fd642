"""Which scales a module with weights of its own per scale serves, and what such weights are called."""

from collections.abc import Iterable

from igconv_sr.errors import InputError
from igconv_sr.scale import Ratio


def weights_name(ratio: Ratio, available: Iterable[str]) -> str:
    """The name of a scale's weights: its fraction, ``"3"`` or ``"5/2"`` (a name of a parameter holds no dot).

    Args:
        ratio: r = p/q.
        available: The names that there are.

    Raises:
        InputError: If there are no weights for the scale.

    Example:
        >>> weights_name(Ratio(5, 2), ["2", "5/2"])
        '5/2'
    """
    name, names = str(ratio), list(available)
    if name not in names:
        raise InputError(f"this model has no weights for ×{name}, only for {', '.join(f'×{held}' for held in names)}")
    return name


def whole_scale(scale: object) -> int:
    """The scale of a head whose weights are made for it, which only whole ones can have.

    Raises:
        InputError: If it is not an integer of 2 or more.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 2:
        raise InputError(f"scale {scale!r} is not an integer of 2 or more; use for example 2, 3 or 4, or IGConv")
    return scale
