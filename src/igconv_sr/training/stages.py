"""A training in stages: each is a training of its own that starts from the weights of the one before."""

import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from igconv_sr.commands.config import key_of, quoted
from igconv_sr.errors import InputError
from igconv_sr.evaluation.after_training import PICTURE, WEIGHTS
from igconv_sr.runs.results import FILE_NAME, PER_IMAGE
from igconv_sr.runs.run_configuration import save_configuration
from igconv_sr.system.console import say
from igconv_sr.system.files import replacing
from igconv_sr.training.callbacks.first_step import leaving_nothing
from igconv_sr.training.process import TrainingProcess

_OF_THE_RUN = (PER_IMAGE, WEIGHTS, PICTURE, FILE_NAME)
"""What the last stage leaves is what the run leaves; results.csv comes last, it says that the run is finished."""
_OF_A_STAGE = ("stages", "weights", "ckpt_path", "paths.output_dir")


def train_in_stages(config: DictConfig) -> None:
    """Trains the stages that are not finished, each in a folder of its own below that of the run.

    The last one goes on, or is scored again, also where it has results.

    Raises:
        InputError: If the stages are not well given.
        SystemExit: With the status of a stage that did not end well.
    """
    folder = Path(config.paths.output_dir)
    stages = _stages(config)
    weights = None if config.weights is None else Path(config.weights)
    with leaving_nothing(folder, lambda: any((folder / name).exists() for name in stages)):
        save_configuration(config, folder)
        _train_all(stages, weights, folder)
    for file in _OF_THE_RUN:
        with replacing(folder / file) as partial:
            shutil.copyfile(folder / list(stages)[-1] / file, partial)
    say(f"Results in {folder}")


def _train_all(stages: Mapping[str, Sequence[str]], weights: Path | None, folder: Path) -> None:
    for number, (name, overrides) in enumerate(stages.items(), 1):
        title = f"Stage {number} of {len(stages)}, {name}"
        # The last one may be asked for further steps or benchmarks, as any training that has ended.
        goes_on = number == len(stages) and _last_checkpoint(folder / name).is_file()
        if (folder / name / FILE_NAME).is_file() and not goes_on:
            say(f"{title}: finished before")
        else:
            say(f"{title}: {' '.join(overrides)}" if overrides else title)
            _train(overrides, folder / name, weights, folder)
        weights = folder / name / WEIGHTS


def _train(overrides: Sequence[str], folder: Path, weights: Path | None, run: Path) -> None:
    own = [f"paths.output_dir={quoted(str(folder))}", "stages=null"]
    if _last_checkpoint(folder).is_file():
        own.append("ckpt_path=last")
    elif weights is not None:  # at the first step only
        own.append(f"weights={quoted(str(weights))}")
    with TrainingProcess([*_merged(overrides), *own]) as training:
        status = training.wait()
    if training.received:
        status = status or 128 + training.received  # one that was about to end does not start the next
        say(f"All stages continue with: make train ckpt_path=last {shlex.quote(f'paths.output_dir={run}')}")
    if status:
        raise SystemExit(status if status > 0 else 128 - status)


def _last_checkpoint(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def _merged(overrides: Sequence[str]) -> Iterator[str]:
    """Those of the stage and of the command line, which wins."""
    given = [option for option in HydraConfig.get().overrides.task if key_of(option) not in _OF_A_STAGE]
    keys = {key_of(option) for option in given}
    yield from (option for option in overrides if key_of(option) not in keys)
    yield from given


def _stages(config: DictConfig) -> Mapping[str, Sequence[str]]:
    stages: Any = OmegaConf.to_container(config.stages, resolve=False)
    if not isinstance(stages, dict) or not stages:
        raise InputError("stages must map names to lists of key=value, such as {pretrain: [], finetune: [seed=1]}")
    for name, overrides in stages.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
            raise InputError(
                f"stages: {name!r} cannot be the name of a stage, which is that of a folder: use a-z, 0-9, _"
            )
        if not isinstance(overrides, list) or not all(isinstance(one, str) and "=" in one for one in overrides):
            raise InputError(f"stages.{name} must be a list of key=value, got {overrides}")
    return {str(name): overrides for name, overrides in stages.items()}
