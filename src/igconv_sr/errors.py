"""Errors that a user can cause and mend."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A file, key or value given by the user is wrong; the message says which and what to do.

    Commands print it as one line instead of a traceback.
    """


class NonFiniteError(RuntimeError):
    """The loss or the weights became NaN or infinite; the message says where and what to do."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, if any is near.

    Example:
        >>> did_you_mean("fgrp", ["fgrep", "igsample"])
        '; did you mean fgrep?'
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
