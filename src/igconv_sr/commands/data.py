"""``igconv-sr data …``: names its subcommands and hands over to them."""

import importlib
from collections.abc import Sequence
from typing import NamedTuple

from igconv_sr.commands.launch import exit_with
from igconv_sr.errors import did_you_mean


class Subcommand(NamedTuple):
    """A subcommand.

    Attributes:
        module: Holds ``main``, which is given the arguments; imported only when it is called.
        summary: One sentence.
    """

    module: str
    summary: str


SUBCOMMANDS = {
    "prepare": Subcommand("igconv_sr.data.prepare.prepare", "Download, unpack and decode a published data set."),
    "check": Subcommand(
        "igconv_sr.data.check.check", "Say what lies in folders, what is wrong with it and what to do."
    ),
    "shards": Subcommand(
        "igconv_sr.data.prepare.shards", "Pack a folder of images into tar files for data.storage=encoded."
    ),
}

USAGE = "\n".join(
    (
        "Usage: igconv-sr data SUBCOMMAND [--flag …]",
        "",
        *(f"  {name:<10}{subcommand.summary}" for name, subcommand in SUBCOMMANDS.items()),
        "",
        "igconv-sr data SUBCOMMAND --help lists its flags.",
    )
)


def main(arguments: Sequence[str]) -> None:
    """Runs the subcommand; exits with 2 if there is none of that name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return
    name, *rest = arguments
    if name not in SUBCOMMANDS:
        exit_with(
            f"data has no subcommand {name!r}{did_you_mean(name, SUBCOMMANDS)}; there are {', '.join(SUBCOMMANDS)}",
            status=2,
        )
    importlib.import_module(SUBCOMMANDS[name].module).main(rest)
