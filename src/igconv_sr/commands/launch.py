"""Runs a command under Hydra: one line per user's error, and the command line that further ranks are started with."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from igconv_sr.system.console import printable

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

_HYDRA_TRACEBACKS = "HYDRA_FULL_ERROR"


class Launch:
    """One run of a command.

    Args:
        command: Name of its configuration.
        overrides: What Hydra is to read.
    """

    current: "Launch"

    def __init__(self, command: str, overrides: Sequence[str]) -> None:
        self.command, self.overrides = command, list(overrides)
        self.started_with = list(sys.argv)
        self.tracebacks = os.environ.get(_HYDRA_TRACEBACKS) == "1"

    def check(self) -> None:
        """Composes the configuration: a wrong key or choice is told before torch is imported, which takes seconds."""
        from hydra import compose, initialize_config_dir
        from hydra._internal.utils import get_args_parser
        from hydra.core.override_parser.overrides_parser import OverridesParser

        from igconv_sr.commands.config import CONFIG_FOLDER
        from igconv_sr.commands.overrides import readable, refuse_unread, with_lists
        from igconv_sr.commands.values import check_own_keys

        _, unknown = get_args_parser().parse_known_args(self.overrides)
        if unknown:
            exit_with(f"{unknown[0]}: options are name=value, without dashes, such as model=edsr; --help lists them", 2)
        given = [override for override in self.overrides if not override.startswith("-")]
        if given != self.overrides and "--multirun" not in self.overrides:
            return  # a flag of Hydra's, which may ask for something else
        with self._explaining(), initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            parse = OverridesParser.create().parse_overrides
            several = "--multirun" in self.overrides
            legible = readable(given, several)
            parse(legible)  # what cannot be read at all is told first
            refuse_unread(self.command, given)
            typed = with_lists(self.command, legible, several)
            first = [_first_of_sweep(override) for override in parse(typed)]
            check_own_keys(self.command, compose(self.command, overrides=first))
            flags = [flag for flag in self.overrides if flag not in given]
            self.overrides = [*flags, *typed]

    def run(self, main: Callable[[], None]) -> None:
        """Calls a function decorated by ``hydra.main``."""
        Launch.current = self
        # Hydra prints errors in several lines and exits; with this they arrive here.
        with self._explaining(), _arguments([sys.argv[0], *self.overrides]), _hydra_tracebacks("1"):
            main()

    @contextlib.contextmanager
    def job(self) -> Iterator[None]:
        """Surrounds the job itself: Lightning starts further ranks with ``sys.argv`` as the user gave it."""
        tracebacks = _hydra_tracebacks("1" if self.tracebacks else "0")
        with self._explaining(), _leaving_no_empty_folder(), _arguments(self.started_with), tracebacks:
            yield

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            from igconv_sr.commands.sentences import explain

            line = None if self.tracebacks else explain(error, self.command, self.overrides)
            if line is None:
                raise
            exit_with(line)


@contextlib.contextmanager
def _leaving_no_empty_folder() -> Iterator[None]:
    """Takes back the folder that Hydra makes for a job, where the job fails before it writes anything."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    try:
        yield
    except BaseException:
        job = HydraConfig.get()
        folder = Path("." if OmegaConf.is_missing(job.runtime, "output_dir") else job.runtime.output_dir)  # of a sweep
        if folder.resolve() != Path.cwd() and {path.name for path in folder.glob("*")} <= {job.output_subdir}:
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def _hydra_tracebacks(value: str) -> Iterator[None]:
    before = os.environ.get(_HYDRA_TRACEBACKS, "0")
    os.environ[_HYDRA_TRACEBACKS] = value
    try:
        yield
    finally:
        os.environ[_HYDRA_TRACEBACKS] = before


@contextlib.contextmanager
def _arguments(arguments: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, arguments
    try:
        yield
    finally:
        sys.argv = before


def _first_of_sweep(override: "Override") -> str:
    """An override, with the first of its values if it has several."""
    line = str(override.input_line)
    if not override.is_sweep_override():
        return line
    return f"{line.partition('=')[0]}={next(iter(override.sweep_string_iterator()))}"


def exit_with(line: str, status: int = 1) -> NoReturn:
    """Prints one line to standard error, which may quote what strangers' files hold, and exits."""
    rank = os.environ.get("LOCAL_RANK", "0")
    sys.stderr.write(f"igconv-sr: {'' if rank == '0' else f'rank {rank}: '}{printable(line)}\n")
    raise SystemExit(status)
