"""Evaluation of any model on benchmarks, over however many devices the trainer has."""

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from igconv_sr.data import Benchmark, BenchmarkImages, BenchmarkItem
from igconv_sr.metrics import STANDARD, BenchmarkScores, Score
from igconv_sr.network import SuperResolver


class Evaluation(LightningModule):
    """Scores a model; the trainer's ``test`` runs it.

    Args:
        net: Folded, so that its kernels are generated once and not per image.
        scores: Collects the scores.
    """

    def __init__(self, net: SuperResolver, scores: BenchmarkScores) -> None:
        super().__init__()
        self.net, self.scores = net, scores
        self.result: list[Score] = []

    def test_step(self, batch: BenchmarkItem, batch_idx: int) -> None:  # noqa: ARG002 (Lightning's hook)
        """Scores one image."""
        with torch.autocast(self.device.type, enabled=False):
            sr = self.net(batch.lr / 255, batch.scale)
        self.scores.update(batch.benchmark, batch.scale, sr, batch.hr / 255, batch.gray)

    def on_test_epoch_end(self) -> None:
        """Adds up the scores of all ranks."""
        self.result = self.scores.compute()


def evaluate(
    net: SuperResolver, benchmarks: Sequence[Benchmark], scales: Sequence[int], trainer: Trainer
) -> list[Score]:
    """Scores a model on whole images in full precision, by the standard protocol.

    Args:
        net: The model.
        benchmarks: Where to evaluate.
        scales: At which scales.
        trainer: Its devices share the images, each image once.

    Returns:
        One score per benchmark and scale.
    """
    scores = BenchmarkScores([benchmark.name for benchmark in benchmarks], scales, STANDARD)
    module = Evaluation(net.fold(scales), scores)
    images = BenchmarkImages(benchmarks, scales, trainer.global_rank, trainer.world_size)
    loader: DataLoader[Any] = DataLoader(images, batch_size=None)
    trainer.test(module, loader, verbose=False)
    return module.result
