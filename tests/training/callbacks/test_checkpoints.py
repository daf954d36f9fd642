"""What a continued training takes for its best checkpoint."""

from pathlib import Path
from typing import cast

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from igconv_sr.training.callbacks import checkpoints


class Scored(LightningModule):
    """Has a score of its own choice; trains nothing."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.layer, self.score = torch.nn.Linear(1, 1), score

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        return self.layer(batch).mean()

    def validation_step(self, _: torch.Tensor) -> None:
        for name in ("psnr_y_x2", "psnr_y_mean"):
            self.log(f"valid/{name}", torch.tensor(self.score))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(folder: Path, score: float, epochs: int, resume: Path | None = None) -> list[ModelCheckpoint]:
    data = torch.utils.data.DataLoader(torch.ones(2, 1))
    callbacks = checkpoints(folder, (2,), 1)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[*callbacks],
        logger=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(Scored(score), data, data, ckpt_path=resume, weights_only=True)
    return callbacks


@pytest.mark.parametrize("folder", ["same", "moved", "another"])
@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:Checkpoint directory")
def test_the_best_stays_the_best_in_its_folder(tmp_path: Path, folder: str) -> None:
    # The newest checkpoint is older than the validation that found the best one.
    *_, before = train(tmp_path / "old", 30.0, 1)
    assert Path(before.best_model_path).name == "best_mean.ckpt"
    if folder == "moved":
        (tmp_path / "old").rename(tmp_path / "new")
    last = tmp_path / ("new" if folder == "moved" else "old") / "last.ckpt"
    *_, after = train(tmp_path / ("old" if folder == "same" else "new"), 20.0, 2, last)
    score = cast(torch.Tensor, after.best_model_score)
    assert (score, global_step(after.best_model_path)) == ((20.0, 4) if folder == "another" else (30.0, 2))
    if folder == "another":
        assert global_step(tmp_path / "old" / "best_mean.ckpt") == 2


def global_step(path: str | Path) -> int:
    return cast(int, torch.load(path, weights_only=True)["global_step"])
