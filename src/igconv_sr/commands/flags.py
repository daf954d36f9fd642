"""Commands that take ordinary flags instead of Hydra overrides: their parser."""

import argparse
from typing import NoReturn

from igconv_sr.commands.launch import exit_with
from igconv_sr.weights.packaged import default_words, weight_names

MODEL_FILES = f".safetensors, .ckpt or the authors' .pth, or the name of packaged weights ({', '.join(weight_names())})"
"""What commands read a model from."""


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
        self.add_argument("--device", default="auto", metavar="auto|cpu|cuda|cuda:1|mps", help="default: %(default)s")

    def error(self, message: str) -> NoReturn:
        """Prints the mistake and exits."""
        exit_with(f"{message}; see {self.prog} --help", status=2)
