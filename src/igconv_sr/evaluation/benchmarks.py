"""Evaluation of any model on benchmarks, over however many devices the trainer has."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from igconv_sr.data import Benchmark, BenchmarkImages, BenchmarkItem, Prefetch
from igconv_sr.errors import InputError
from igconv_sr.evaluation.scoring import Scoring, perceptual_values
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import STANDARD, ImageScore, Protocol
from igconv_sr.metrics.perceptual import PerceptualMetrics
from igconv_sr.super_resolver import SuperResolver


class Evaluation(LightningModule):
    """Scores a model; the trainer's ``test`` runs it.

    Args:
        net: Folded, so that its kernels are generated once and not per image.
        protocol: How images are compared; its name holds the marks of ``inference``.
        inference: How SR images are computed as long as memory allows.
        perceptual: Further metrics.
    """

    def __init__(
        self, net: SuperResolver, protocol: Protocol, inference: Inference, perceptual: PerceptualMetrics
    ) -> None:
        super().__init__()
        # In a tuple, out of the trainer's sight, which may be one that trains in half precision and would convert them.
        self.kept = (net, perceptual)
        self.scoring = Scoring(protocol, inference, more=self._perceptual_values)
        self.place = torch.device("cpu")
        self.allow_zero_length_dataloader_with_multiple_devices = True  # there may be fewer images than ranks

    def on_test_start(self) -> None:
        """Moves the networks to the device, in full precision."""
        # The trainer takes the module back to the CPU before the scores are gathered.
        self.place = self.device
        net, perceptual = self.kept
        self.net, self.perceptual = net.to(self.device), perceptual.to(self.device)

    def test_step(self, batch: BenchmarkItem, batch_idx: int) -> None:  # noqa: ARG002 (Lightning's hook)
        """Scores one image."""
        with _full_precision(self.device):
            self.scoring.score(self.net, batch)

    def gather(self, images: BenchmarkImages) -> list[ImageScore]:
        """The scores of all ranks, which must all call it, also those without an image."""
        with torch.inference_mode(), _full_precision(self.place):
            return self.scoring.gather(self.kept[0], lambda number: images[number].to(self.place))

    def _perceptual_values(self, batch: BenchmarkItem, sr: Tensor) -> dict[str, Tensor]:
        return perceptual_values(self.perceptual, self.scoring.protocol, batch, sr)


@contextlib.contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Undoes what a trainer set for training in half precision, and TF32."""
    cudnn, before = torch.backends.cudnn, torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.autocast(device.type, enabled=False), cudnn.flags(enabled=cudnn.enabled, allow_tf32=False):
            yield
    finally:
        torch.set_default_dtype(before)


def evaluate(
    net: SuperResolver,
    benchmarks: Sequence[Benchmark],
    scales: Sequence[float],
    trainer: Trainer,
    protocol: Protocol = STANDARD,
    inference: Inference | None = None,
    metrics: Sequence[str] = (),
) -> list[ImageScore]:
    """Scores a model on every image of the benchmarks at every scale, in full precision.

    Where an image does not fit into memory, all of its benchmark and scale are computed in tiles, and their protocol
    says so.

    Args:
        net: The model.
        benchmarks: Where to evaluate.
        scales: At which scales.
        trainer: Its devices share the images, each image once.
        protocol: How images are compared; its name is to hold the marks of ``inference``.
        inference: How SR images are computed; whole images by a single pass if it is left out.
        metrics: Further metrics, of :data:`igconv_sr.metrics.perceptual.PERCEPTUAL`.

    Returns:
        The scores of all images, on every rank: benchmarks as given, in each sorted by scale and image.

    Raises:
        InputError: If two benchmarks have the same name or a scale is given twice, or an image does not fit.
    """
    check_distinct(benchmarks, scales)
    inference = inference or Inference()
    inference.wrap(net)  # tells a wrong size of tiles at once
    module = Evaluation(net.fold(scales), protocol, inference, PerceptualMetrics(metrics))
    images = BenchmarkImages(benchmarks, scales, trainer.global_rank, trainer.world_size, protocol.lr_kernel)
    trainer.test(module, Prefetch(images), verbose=False)
    # Not in a hook, which a rank without an image would not reach while the others wait for it.
    order = [benchmark.name for benchmark in benchmarks]
    return sorted(module.gather(images), key=lambda score: order.index(score.benchmark))


def check_distinct(benchmarks: Sequence[Benchmark], scales: Sequence[float]) -> None:
    """Checks that results can tell everything apart.

    Raises:
        InputError: If two benchmarks have the same name or a scale is given twice.
    """
    for name, count in Counter(benchmark.name for benchmark in benchmarks).items():
        if count > 1:
            raise InputError(
                f"benchmarks: {count} are named {name}; rename a folder, results would not tell them apart"
            )
    for scale, count in Counter(scales).items():
        if count > 1:
            raise InputError(f"scales: ×{scale:g} is given {count} times")
