"""The folder of the configuration, and what is settled before Hydra reads the command line."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import yaml
from omegaconf import OmegaConf

from igconv_sr.errors import InputError

_PACKAGE = Path(__file__).parents[1]
CONFIG_FOLDER = next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parents[1] / "conf") if folder.is_dir())
"""Inside an installed package, or at the top of the checkout."""

RUN_VARIABLE = "IGCONV_SR_RUN"
"""Names the run's folder; set before other ranks start, so that all ranks use one folder."""

OUTPUTS = Path("outputs")

OVERRIDES = Path(".hydra", "overrides.yaml")
"""File in a run's folder: the options that it was started with."""

OmegaConf.register_new_resolver("multiply", lambda a, b: a * b)  # steps of a training as a multiple of others


def name_run() -> None:
    """Gives the run its name, the time of its start, unless this process is a further rank of a run."""
    os.environ.setdefault(RUN_VARIABLE, f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"[:-3])


def train_arguments(arguments: Sequence[str]) -> list[str]:
    """Finds, for ``ckpt_path=last``, the run to continue and adds the options it was started with.

    Options given now win over those of the run.

    Raises:
        InputError: If there is no run to continue, or several trainings are asked for.
    """
    if flags := {"-m", "--multirun"} & set(arguments):
        raise InputError(f"{flags.pop()}: train trains once; igconv-sr sweep trains every combination")
    given = {key_of(argument): argument for argument in arguments}
    if given.get("ckpt_path") != "ckpt_path=last":
        return list(arguments)
    if "paths.output_dir" in given:
        folder = Path(given["paths.output_dir"].partition("=")[2].strip("'\""))
    else:
        folder = _newest_run()
        os.environ[RUN_VARIABLE] = folder.name
    saved = folder / OVERRIDES
    try:
        before = yaml.safe_load(saved.read_text()) if saved.is_file() else []
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{saved} is damaged; remove it, and give the options of the training again") from error
    return [option for option in before or () if key_of(option) not in given] + list(arguments)


def sweep_arguments(arguments: Sequence[str]) -> list[str]:
    """Adds what makes a sweep of a training: its folder and the sweeper that knows finished cells.

    The folder is ``paths.output_dir``, or one named by the experiment.

    Raises:
        InputError: If a checkpoint to continue is given.
    """
    sweep_keys = ("paths.output_dir", "retry_failed")
    given = {key_of(argument): argument.partition("=")[2] for argument in arguments}
    if "ckpt_path" in given:
        raise InputError("ckpt_path: a sweep continues each of its cells by itself; leave it out")
    folder = given.get("paths.output_dir", "").strip("'\"") or f"{OUTPUTS}/sweep/{_sweep_name(given)}"
    own = [argument for argument in arguments if key_of(argument) not in sweep_keys]
    retry = [f"hydra.sweeper.retry_failed={given['retry_failed']}"] if "retry_failed" in given else []
    return [
        "--multirun",
        "hydra/sweeper=cells",
        f"hydra.sweep.dir={quoted(folder)}",
        "hydra.output_subdir=null",
        *retry,
        *own,
    ]


def _sweep_name(given: Mapping[str, str]) -> str:
    """The experiment, unless there is none or several are swept over."""
    name = given.get("experiment", "")
    return name.replace("/", "-") if name not in ("", "null") and "," not in name else "unnamed"


def quoted(value: str) -> str:
    """A value as Hydra reads it back, whatever characters it holds."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{escaped}'"


def last_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints to continue a run from: its own, or those of its stages."""
    return [*folder.glob("checkpoints/last.ckpt"), *folder.glob("*/checkpoints/last.ckpt")]


def _newest_run() -> Path:
    checkpoints = [path for run in OUTPUTS.glob("train/*") for path in last_checkpoints(run)]
    # Folders list their entries in no order; of two that are equally new, the later name is taken.
    newest = max(checkpoints, key=lambda path: (path.stat().st_mtime, path), default=None)
    if newest is None:
        raise InputError(f"ckpt_path=last: there is no run with a checkpoint in {OUTPUTS}/train; leave ckpt_path out")
    return OUTPUTS / "train" / newest.relative_to(OUTPUTS / "train").parts[0]


def key_of(argument: str) -> str:
    """The key or group of an override."""
    return argument.partition("=")[0].lstrip("+")


def is_choice(argument: str) -> bool:
    """Whether an override chooses one of the files of a group."""
    return (CONFIG_FOLDER / key_of(argument) / f"{argument.partition('=')[2]}.yaml").is_file()
