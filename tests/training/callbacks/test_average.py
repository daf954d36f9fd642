"""The moving average against its formula in double precision."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from igconv_sr.errors import InputError
from igconv_sr.training.callbacks import MovingAverage


class Follows(LightningModule):
    """One weight that takes given values, one after each optimiser step."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.weight, self.values = nn.Parameter(torch.ones(1)), values

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        # Gradient descent of rate 1, from wherever it is to the next value.
        return (self.weight * (self.weight.detach() - self.values[self.global_step])).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1)

    def train_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader(torch.zeros(10_000, 1))


def averaged(values: list[float], decay: float, folder: Path, accumulate: int = 1) -> float:
    """The average that a real training ends with: validation and results would use it."""
    module = Follows(values)
    Trainer(
        accelerator="cpu",
        max_steps=len(values),
        accumulate_grad_batches=accumulate,
        callbacks=[MovingAverage(decay)],
        logger=False,
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(module)
    return module.weight.item()


def formula(values: list[float], decay: float) -> float:
    average = values[0]
    for update, value in enumerate(values[1:], 1):
        kept = min(decay, (1 + update) / (10 + update))
        average = kept * average + (1 - kept) * value
    return average


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_average_is_that_of_the_formula(tmp_path: Path, decay: float, accumulate: int) -> None:
    values = torch.linspace(0, 1, 40, dtype=torch.float64).sin().tolist()
    assert averaged(values, decay, tmp_path, accumulate) == pytest.approx(formula(values, decay), abs=1e-6)


def test_after_200_updates_nothing_is_left_of_the_start(tmp_path: Path) -> None:
    """A constant decay of .999 keeps 82 %."""
    assert averaged([1.0] + [0.0] * 199, 0.999, tmp_path) < 1e-6


@pytest.mark.parametrize("decay", [1, -0.1])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(InputError, match=f"optim.ema_decay={decay} must be at least 0 and less than 1"):
        MovingAverage(decay)
