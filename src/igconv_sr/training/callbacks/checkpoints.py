"""Which checkpoints a training keeps, and how they are written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from igconv_sr.runs.logged_names import VALID_MEAN, valid_score
from igconv_sr.weights.checkpoint import unpickle, write_checkpoint

LAST = "last"


def checkpoints(folder: Path, scales: Sequence[float], every_n_steps: int) -> list[ModelCheckpoint]:
    """The newest (``last``), the best of each scale (``best_x2`` …) and the best by the mean (``best_mean``).

    Args:
        folder: Where they are written.
        scales: Scales of the training.
        every_n_steps: Optimiser steps between two writings of ``last``.
    """
    last = _Checkpoint(
        folder,
        LAST,
        every_n_train_steps=every_n_steps,
        save_top_k=1,
        save_on_train_epoch_end=False,
        enable_version_counter=False,
    )
    monitors = {f"x{scale:g}": valid_score("psnr_y", scale) for scale in scales} | {"mean": VALID_MEAN}
    best = [
        _Checkpoint(
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


class _Checkpoint(ModelCheckpoint):
    """Goes by the best file that lies in its folder, also where the folder was moved.

    What a checkpoint to continue from says of the best one may be older: it is written before a validation.
    """

    @property
    def state_key(self) -> str:
        """That of its base, which older checkpoints hold."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Knows the best so far; in another folder than that of the checkpoint there is none yet."""
        file = Path(self.dirpath or "", f"{self.filename}.ckpt")
        known = {**state_dict, "dirpath": self.dirpath}
        if self.monitor is None:
            super().load_state_dict(known)
        elif file.is_file():
            score = unpickle(file)["callbacks"][self.state_key]["best_model_score"]
            path = str(file)
            best = {"best_model_path": path, "best_model_score": score, "best_k_models": {path: score}}
            super().load_state_dict({**known, **best, "kth_best_model_path": path, "kth_value": score})


class WholeCheckpoints(TorchCheckpointIO):
    """Has Lightning write checkpoints as :func:`igconv_sr.weights.checkpoint.write_checkpoint` does."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint."""
        del storage_options  # of remote file systems; checkpoints are local files
        write_checkpoint(checkpoint, Path(path))
