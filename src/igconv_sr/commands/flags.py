"""Commands that take ordinary flags instead of Hydra overrides: their parser, and the types of values."""

import argparse
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from igconv_sr.commands.config import OUTPUTS, RUN_VARIABLE, name_run
from igconv_sr.commands.launch import exit_with
from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.scale import plain_scale
from igconv_sr.weights.packaged import default_words, weight_names

MODEL_FILES = f".safetensors, .ckpt or the authors' .pth, or the name of packaged weights ({', '.join(weight_names())})"
"""What commands read a model from."""


_MOST = 1000
"""Scales in a range; more are a mistake."""


class FlagParser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line, as all commands do.

    Args:
        command: Name of the command.
        description: What it does.
    """

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"igconv-sr {command}", description=description)

    def add_model(self) -> None:
        """Adds ``--weights`` and ``--device``."""
        self.add_argument(
            "--weights",
            metavar="FILE|NAME",
            help=f"{MODEL_FILES} (default: {default_words()})",
        )
        self.add_device()

    def add_device(self) -> None:
        """Adds ``--device``, for :func:`igconv_sr.inference.device.choose_device`."""
        self.add_argument("--device", default="auto", metavar="auto|cpu|cuda|cuda:1|mps", help="default: %(default)s")

    def add_output(self) -> None:
        """Adds ``-o``, for :func:`output_folder`."""
        self.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write into (default: a new one)")

    def error(self, message: str) -> NoReturn:
        """Prints the mistake and exits."""
        if found := re.match(r"unrecognized arguments: -*([\w-]+)", message):
            message += did_you_mean(
                f"--{found[1]}", [flag for action in self._actions for flag in action.option_strings]
            )
        exit_with(f"{message}; see {self.prog} --help", status=2)


def output_folder(command: str, given: Path | None) -> Path:
    """The folder given by ``-o``, or a new one named by the time."""
    name_run()
    return given or OUTPUTS / command / os.environ[RUN_VARIABLE]


def whole(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    """A time of 0 seconds or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def names(text: str) -> list[str]:
    """Names between commas, each once."""
    found = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise argparse.ArgumentTypeError("there is no name; give one or more, with commas between")
    return found


def whole_scales(text: str) -> list[int]:
    """Whole scales of 2 or more between commas, in ascending order."""
    found = {whole(part.strip()) for part in text.split(",")}
    if min(found) < 2:
        raise argparse.ArgumentTypeError("scale 1 enlarges nothing; use 2 or more")
    return sorted(found)


def scale(text: str) -> float:
    """A scale that data have; an ``int`` where it is whole."""
    try:
        return plain_scale(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def scales(text: str) -> list[float]:
    """Scales between commas, each a scale or ``first:last:step``, in ascending order.

    Example:
        >>> scales("1.5:3:0.5,8")
        [1.5, 2, 2.5, 3, 8]
    """
    found = {value for part in text.split(",") for value in (_range(part) if ":" in part else [scale(part)])}
    return sorted(found)


def _range(text: str) -> list[float]:
    try:
        first, last, step = (Fraction(part.strip()) for part in text.split(":"))
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST:LAST:STEP, such as 1.5:8:0.5") from None
    if step <= 0 or last < first:
        raise argparse.ArgumentTypeError(f"{text!r} holds no scale; FIRST:LAST:STEP goes up, as 1.5:8:0.5")
    if (last - first) / step > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} holds more than {_MOST} scales")
    return [scale(str(first + number * step)) for number in range(int((last - first) / step) + 1)]
