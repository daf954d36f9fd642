"""Errors that a user can cause and mend."""

import contextlib
import difflib
from collections.abc import Iterable, Iterator


class InputError(ValueError):
    """A file, key or value given by the user is wrong; the message says which and what to do.

    Commands print it as one line instead of a traceback.
    """


class NonFiniteError(RuntimeError):
    """The loss or the weights became NaN or infinite; the message says where and what to do."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, if any is near.

    Example:
        >>> did_you_mean("fgrp", ["fgrep", "igsample"])
        '; did you mean fgrep?'
    """
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


@contextlib.contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turns what a library refuses while something is made of a user's values into one line.

    Args:
        what: The keys that the values stand in.

    Raises:
        InputError: In place of the library's error, which is its cause.
    """
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AttributeError, ImportError, RuntimeError, TypeError, ValueError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{what}: {first}") from error
