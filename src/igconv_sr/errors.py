"""Errors that a user can cause and mend."""


class InputError(ValueError):
    """A file, key or value given by the user is wrong; the message says which and what to do.

    Commands print it as one line instead of a traceback.
    """


class NonFiniteError(RuntimeError):
    """The loss or the weights became NaN or infinite; the message says where and what to do."""
