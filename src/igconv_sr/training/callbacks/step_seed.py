"""Seeds what is random inside the network (drop-path) from the step, so that a resumed run repeats it."""

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class StepSeed(Callback):
    """Sets torch's seed before every batch to a function of (seed, rank, micro-step).

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seeds the step."""
        key = np.random.SeedSequence([self.seed, trainer.global_rank, batch_idx])
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]) >> 1)
