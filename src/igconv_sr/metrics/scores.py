"""Scores per image, gathered over ranks, and their means per benchmark and scale."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from igconv_sr.data import BenchmarkItem
from igconv_sr.errors import InputError
from igconv_sr.metrics.protocol import STANDARD, Protocol

T = TypeVar("T")


class ImageScore(NamedTuple):
    """One image at one scale.

    Attributes:
        benchmark: Name of the benchmark.
        image: Name of the image.
        scale: r.
        values: By column of the results: PSNR in dB, SSIM, and what else was asked for.
        protocol: Its name with marks.
    """

    benchmark: str
    image: str
    scale: float
    values: Mapping[str, float]
    protocol: str = STANDARD.name


class Score(NamedTuple):
    """Means over the images of one benchmark at one scale.

    Attributes:
        benchmark: Name of the benchmark.
        scale: r.
        images: How many.
        values: As of the images.
        protocol: As of the images.
    """

    benchmark: str
    scale: float
    images: int
    values: Mapping[str, float]
    protocol: str = STANDARD.name


class ScoreCollector:
    """Scores images by a protocol and gathers the scores of all ranks.

    Args:
        protocol: How images are compared.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._scored: list[tuple[BenchmarkItem, dict[str, Tensor]]] = []

    def update(self, item: BenchmarkItem, sr: Tensor, more: Mapping[str, Tensor] | None = None) -> None:
        """Scores one image; the values stay on the device until they are gathered.

        Args:
            item: The image.
            sr: (1,3,H,W) in [0,1], may overshoot.
            more: Further values of the image, one number each.

        Raises:
            InputError: If the image is too small for the protocol.
        """
        try:
            values = self.protocol.score(sr, item.hr.double() / 255, item.scale, item.gray)
        except InputError as error:
            raise InputError(f"{item.title}: {error}") from error
        nothing = torch.empty(0)
        self._scored.append((item._replace(lr=nothing, hr=nothing), {**values, **(more or {})}))

    def take(self) -> list[ImageScore]:
        """The scores of this rank in the order of the updates. It forgets what it gives."""
        scored, self._scored = self._scored, []
        return [
            ImageScore(
                item.benchmark,
                item.name,
                item.scale,
                {name: value.item() for name, value in values.items()},
                self.protocol.name,
            )
            for item, values in scored
        ]

    def gather(self) -> list[ImageScore]:
        """The scores of all ranks, on every rank, sorted by benchmark, scale and image.

        All ranks must call it. It forgets what it gives.
        """
        return in_order(score for part in gather_objects(self.take()) for score in part)


def gather_objects(own: T) -> list[T]:
    """What each rank gives, by rank, on every rank; all must call it."""
    if not (dist.is_available() and dist.is_initialized()):
        return [own]
    parts: list[T] = [own for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, own)
    return parts


def in_order(scores: Iterable[ImageScore]) -> list[ImageScore]:
    """Sorted by benchmark, scale and image."""
    return sorted(scores, key=_order)


def _order(score: ImageScore) -> tuple[str, float, str]:
    return score.benchmark, score.scale, score.image


def mean_scores(images: Iterable[ImageScore]) -> list[Score]:
    """Means of the per-image values, exact to the last bit and so the same in any order of the images.

    Args:
        images: All of a benchmark, scale and protocol hold the same values.

    Returns:
        One per benchmark, scale and protocol, in the order in which these first appear.
    """
    cells: dict[tuple[str, float, str], list[Mapping[str, float]]] = {}
    for image in images:
        cells.setdefault((image.benchmark, image.scale, image.protocol), []).append(image.values)
    return [
        Score(benchmark, scale, len(rows), {name: _mean([row[name] for row in rows]) for name in rows[0]}, protocol)
        for (benchmark, scale, protocol), rows in cells.items()
    ]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
