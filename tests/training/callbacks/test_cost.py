"""What a training costs, by the device that trained it."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.strategies import SingleDeviceStrategy

from igconv_sr.training.callbacks import TrainingCost, cost


@pytest.mark.parametrize("steps", [2, 0])
def test_the_device_is_that_of_the_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: int) -> None:
    """When the fit ends, Lightning has taken the module from the device of the strategy to the CPU."""
    monkeypatch.setattr(cost, "_device_name", str)
    told = TrainingCost()
    trainer = Trainer(
        strategy=SingleDeviceStrategy(torch.device("cpu", 0)),
        max_steps=steps,
        callbacks=[told],
        logger=False,
        default_root_dir=tmp_path,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(BoringModel())
    assert told.cost.device == "cpu:0"
    assert told.cost.steps == steps
