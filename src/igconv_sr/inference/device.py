"""The device to compute on."""

import torch

from igconv_sr.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of a name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto`` is an accelerator if there is one.

    Raises:
        InputError: If there is no such device.
    """
    kind, _, index = name.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if kind not in there or ((index or name.endswith(":")) and not index.isdecimal()):
        raise InputError(f"--device {name} is none of auto, cpu, cuda, cuda:1 and mps")
    if not there[kind]:
        raise InputError(f"--device {name}: torch finds no {kind.upper()} device; use --device cpu")
    if index and int(index) >= there[kind]:
        raise InputError(f"--device {name}: torch finds {there[kind]}, counted from 0")
    return torch.device(name)
