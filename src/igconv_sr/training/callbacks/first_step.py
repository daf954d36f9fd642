"""A training has begun with its first step: what ends before leaves nothing behind."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import DictConfig, OmegaConf

from igconv_sr.runs.run_configuration import save_configuration
from igconv_sr.system.console import is_first_rank


class KeptConfiguration(Callback):
    """Writes what a training was asked for as soon as a step has been made, before any checkpoint.

    A training that is continued and refused thus keeps the configuration that it had.

    Args:
        config: Of the training.
        folder: Of the run.

    Attributes:
        is_kept: Whether it has been written, on all ranks.
    """

    def __init__(self, config: DictConfig, folder: Path) -> None:
        self.config, self.folder, self.is_kept = config, folder, False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Writes after the first step."""
        self.keep(trainer)

    def keep(self, trainer: Trainer) -> None:
        """Writes, and tells the loggers, unless that has been done."""
        if not self.is_kept and trainer.is_global_zero:
            save_configuration(self.config, self.folder)
            for logger in trainer.loggers:
                plain: Any = OmegaConf.to_container(self.config, resolve=True)
                logger.log_hyperparams(plain)
        self.is_kept = True


_OURS = (".hydra", "config.yaml", "checkpoints", "metrics", "tensorboard", "wandb", "wandb_run.json", "progress.json")
"""What a training writes into its folder before its end: nothing else there is touched, whoever writes it meanwhile."""


@contextlib.contextmanager
def leaving_nothing(folder: Path, has_begun: Callable[[], bool]) -> Iterator[None]:
    """Takes back what a training writes into a folder if it fails before it has begun; the folder itself is left.

    Args:
        folder: Of the run.
        has_begun: Whether from now on all is kept.
    """
    before = set(_written(folder))
    try:
        yield
    except BaseException:
        if is_first_rank() and not has_begun():
            _end_wandb()
            for path in sorted(set(_written(folder)) - before, reverse=True):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        raise


def _written(folder: Path) -> Iterator[Path]:
    for name in _OURS:
        if (folder / name).exists():
            yield folder / name
            yield from (folder / name).rglob("*")


def _end_wandb() -> None:
    """Its process would write into the folder when ours ends."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=1)
