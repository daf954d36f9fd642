"""Which checkpoints a training keeps, and how they are written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from igconv_sr.runs.logged_names import VALID_MEAN, valid_score
from igconv_sr.weights.checkpoint import write_checkpoint

LAST = "last"


def checkpoints(folder: Path, scales: Sequence[float], every_n_steps: int) -> list[ModelCheckpoint]:
    """The newest (``last``), the best of each scale (``best_x2`` …) and the best by the mean (``best_mean``).

    Args:
        folder: Where they are written.
        scales: Scales of the training.
        every_n_steps: Optimiser steps between two writings of ``last``.
    """
    last = ModelCheckpoint(
        folder,
        LAST,
        every_n_train_steps=every_n_steps,
        save_top_k=1,
        save_on_train_epoch_end=False,
        enable_version_counter=False,
    )
    monitors = {f"x{scale:g}": valid_score("psnr_y", scale) for scale in scales} | {"mean": VALID_MEAN}
    best = [
        ModelCheckpoint(
            folder,
            f"best_{name}",
            monitor=monitored,
            mode="max",
            save_top_k=1,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        for name, monitored in monitors.items()
    ]
    return [last, *best]


class WholeCheckpoints(TorchCheckpointIO):
    """Has Lightning write checkpoints as :func:`igconv_sr.weights.checkpoint.write_checkpoint` does."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint."""
        del storage_options  # of remote file systems; checkpoints are local files
        write_checkpoint(checkpoint, Path(path))
