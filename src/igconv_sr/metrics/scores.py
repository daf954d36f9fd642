"""Scores per image, and their means per benchmark and scale."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from igconv_sr.data import BenchmarkItem
from igconv_sr.errors import InputError
from igconv_sr.metrics.protocol import STANDARD, Protocol


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

    @property
    def place(self) -> tuple[str, float, str]:
        """A key for sorting."""
        return self.benchmark, self.scale, self.image


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


class PendingScore(NamedTuple):
    """One image at one scale, its values still on the device.

    Attributes:
        benchmark: Name of the benchmark.
        image: Name of the image.
        scale: r.
        values: One number each, by column of the results.
    """

    benchmark: str
    image: str
    scale: float
    values: Mapping[str, Tensor]

    def finished(self, protocol: str) -> ImageScore:
        """The same as numbers, for which the device is waited for.

        Args:
            protocol: Its name with the marks of how SR was computed.
        """
        values = {name: value.item() for name, value in self.values.items()}
        return ImageScore(self.benchmark, self.image, self.scale, values, protocol)


def score_image(
    protocol: Protocol, item: BenchmarkItem, sr: Tensor, more: Mapping[str, Tensor] | None = None
) -> PendingScore:
    """Scores one image.

    Args:
        protocol: How images are compared.
        item: The image.
        sr: (1,3,H,W) in [0,1], may overshoot.
        more: Further values of the image, one number each.

    Raises:
        InputError: If the image is too small for the protocol.
    """
    try:
        values = protocol.score(sr, item.hr.double() / 255, item.scale, item.gray)
    except InputError as error:
        raise InputError(f"{item.title}: {error}") from error
    return PendingScore(item.benchmark, item.name, item.scale, {**values, **(more or {})})


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
