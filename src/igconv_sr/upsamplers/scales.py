"""The one rule for which scales are valid."""

from collections.abc import Iterable

from igconv_sr.errors import InputError


def check_scale(scale: object, available: Iterable[str] | None = None) -> int:
    """Checks a scale factor.

    Args:
        scale: Must be an integer of 2 or more.
        available: Scales that the module has weights for, as strings; None where any will do.

    Returns:
        The scale.

    Raises:
        InputError: With the value and what to do.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 2:
        raise InputError(f"scale {scale!r} is not an integer of 2 or more; use for example 2, 3 or 4")
    if available is not None and str(scale) not in (names := list(available)):
        held = ", ".join(f"×{name}" for name in names)
        raise InputError(f"this model has no weights for ×{scale}, only for {held}")
    return scale
