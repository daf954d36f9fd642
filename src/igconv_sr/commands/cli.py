"""``igconv-sr COMMAND …``: names the commands and hands over to them.

Nothing heavy is imported before the command is known, so that ``igconv-sr --help`` answers at once.
"""

import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """A command.

    Attributes:
        module: Holds ``main``.
        config: Name of its configuration, if it takes Hydra overrides; None if it takes ordinary flags, which its
            ``main`` is then given and reads with a :class:`igconv_sr.commands.flags.FlagParser`.
        summary: One sentence.
    """

    module: str
    config: str | None
    summary: str


COMMANDS = {
    "train": Command("training.train", "train", "Train one model for all scales and show what it is worth."),
    "sweep": Command("sweep.sweep", "train", "Train every combination of values; sweep status shows how far it is."),
    "evaluate": Command("evaluation.evaluate", "evaluate", "Score a checkpoint or bicubic on benchmarks."),
    "report": Command("report.report", "report", "Write the tables, figures and page of what was measured."),
    "bench": Command("bench", "bench", "Measure speed, as ratios against plain implementations."),
    "upscale": Command("upscale.upscale", None, "Enlarge pictures by a model."),
    "demo": Command("demo.demo", None, "Enlarge pictures on a page in the browser, on this machine only."),
    "compare": Command("compare.compare", None, "Compare two evaluated runs image by image."),
    "cka": Command("analysis.cka", None, "Compare the layers of two encoders by linear CKA."),
    "filters": Command("analysis.filters", None, "Draw a model's kernels at any scale, and their spectra."),
    "efficiency": Command(
        "analysis.efficiency", None, "Measure parameters, multiply-adds, latency and memory of models."
    ),
    "scale-curve": Command("analysis.scale_curve", None, "Draw PSNR at trained and untrained scales against bicubic."),
    "dashboard": Command("dashboard.dashboard", None, "Make a W&B report that compares the runs of a project."),
    "convert": Command(
        "export.convert", None, "Read the authors' released weights into a file of ours, or write theirs."
    ),
    "export": Command("export.export", None, "Write a model for other programs: ONNX, torch.export, spandrel."),
    "data": Command("commands.data", None, "Get data sets, check those on disk, or pack them; igconv-sr data --help."),
}


_HOME = re.compile(r"((?:^|^[\w./+-]+=|[\[,]\s*)['\"]?)~(?=/|$)")
"""Where a path begins with the home folder: at the start of an argument, of its value, or of an entry of its list."""


def _summaries(hydra: bool) -> list[str]:
    return [
        f"  {name:<13}{command.summary}" for name, command in COMMANDS.items() if (command.config is not None) == hydra
    ]


USAGE = "\n".join(
    (
        "Usage: igconv-sr COMMAND [group=choice] [key=value …]",
        "",
        *_summaries(hydra=True),
        "",
        "       igconv-sr COMMAND [--flag …] [FILE …]",
        "",
        *_summaries(hydra=False),
        "",
        "igconv-sr COMMAND --help lists the groups and keys of a command, or its flags; --cfg job prints the",
        "configuration of one that takes keys.",
    )
)


def main() -> None:
    """Runs the command named on the command line; exits with 1 on a user's error, 2 on a wrong one, 130 on Ctrl-C."""
    arguments = at_home(sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A name or a sign that the terminal's encoding lacks is no reason to fail; standard error does so by itself.
        sys.stdout.reconfigure(errors="backslashreplace")
    if not arguments or arguments[0] in ("-h", "--help"):
        _show(USAGE)
        return
    from igconv_sr.commands.launch import exit_with
    from igconv_sr.errors import did_you_mean

    name, *overrides = arguments
    if name not in COMMANDS:
        near = did_you_mean(name, COMMANDS)
        exit_with(f"there is no command {name!r}{near}; the commands are {', '.join(COMMANDS)}", status=2)
    try:
        _hand_over(name, overrides)
    except KeyboardInterrupt:
        exit_with("interrupted", status=130)


def _hand_over(name: str, overrides: list[str]) -> None:
    command = COMMANDS[name]
    if name == "sweep" and overrides[:1] == ["status"]:
        _run_with_flags("sweep.status", overrides[1:])
    elif command.config is None:
        _run_with_flags(command.module, overrides)
    else:
        _run(name, command.config, overrides)


def at_home(arguments: Sequence[str]) -> list[str]:
    """Arguments in which a path's leading ``~`` is the home folder, where shells leave it too: quoted, after ``=``.

    Example:
        >>> at_home(["~callbacks.ema", "tile=2", "a~/b"])
        ['~callbacks.ema', 'tile=2', 'a~/b']
    """
    home = str(Path("~").expanduser())
    return [_HOME.sub(lambda found: found[1] + home, argument) for argument in arguments]


def _show(text: str) -> None:
    """Prints what may be piped into ``head``, which does not read to the end."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_with_flags(module: str, flags: list[str]) -> None:
    from igconv_sr.commands.launch import exit_with
    from igconv_sr.errors import InputError

    try:
        importlib.import_module(f"igconv_sr.{module}").main(flags)
    except InputError as error:
        exit_with(str(error))
    except FileExistsError as error:
        exit_with(f"{error.filename} is a file; give a folder")
    except OSError as error:
        exit_with(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _run(name: str, config: str, overrides: list[str]) -> None:
    from igconv_sr.commands.config import name_run, sweep_arguments, train_arguments
    from igconv_sr.commands.launch import Launch, exit_with
    from igconv_sr.errors import InputError

    name_run()
    if {"-h", "--help"} & {*overrides}:
        from igconv_sr.commands.help import help_text

        _show(help_text(name, config, COMMANDS[name].summary, overrides))
        return
    try:
        if name == "train":
            overrides = train_arguments(overrides)
        elif name == "sweep":
            overrides = sweep_arguments(overrides)
    except InputError as error:
        exit_with(str(error))
    launch = Launch(config, overrides)
    launch.check()
    launch.run(importlib.import_module(f"igconv_sr.{COMMANDS[name].module}").main)
