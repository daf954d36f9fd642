"""PSNR of models at many scales, also at those that they were not trained for."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from lightning.pytorch import Trainer

from igconv_sr.data import Benchmark
from igconv_sr.errors import InputError
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.metrics import STANDARD, Score, mean_scores
from igconv_sr.super_resolver import SuperResolver


class Served(NamedTuple):
    """The scales that a model serves, of those asked for.

    Attributes:
        scales: Those that it serves.
        refused: Per scale that it does not, the reason.
    """

    scales: list[float]
    refused: dict[float, str]


@torch.no_grad()
def served_scales(net: SuperResolver, scales: Sequence[float]) -> Served:
    """Tries each scale on a picture of a few pixels.

    Args:
        net: On the CPU, in eval mode.
        scales: Which to try.
    """
    served, refused = [], {}
    for scale in scales:
        try:
            net.fold([scale])(torch.full((1, 3, 16, 16), 0.5), scale)
        except InputError as error:
            refused[scale] = str(error)
        else:
            served.append(scale)
    return Served(served, refused)


def psnr_curve(
    net: SuperResolver, benchmarks: Sequence[Benchmark], scales: Sequence[float], trainer: Trainer
) -> list[Score]:
    """Means per benchmark and scale by the standard protocol.

    Args:
        net: The model.
        benchmarks: Where to evaluate.
        scales: Those that it serves.
        trainer: Its device computes.

    Raises:
        InputError: If an image does not fit.
    """
    return mean_scores(evaluate(net, benchmarks, scales, trainer, STANDARD)) if scales else []
