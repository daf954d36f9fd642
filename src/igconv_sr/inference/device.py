"""Where to compute."""

import torch

from igconv_sr.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of a name: ``auto`` is a GPU if there is one.

    Raises:
        InputError: If there is no GPU and one is asked for.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no CUDA GPU; use --device cpu")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")
