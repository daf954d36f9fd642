"""Scores of images, computed tile by tile where memory runs out, all of a cell and of all ranks in one way."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import torch.distributed as dist
from torch import Tensor

from igconv_sr.data import BenchmarkItem
from igconv_sr.inference.settings import Inference, within_memory
from igconv_sr.metrics import ImageScore, PendingScore, Protocol, score_image
from igconv_sr.metrics.perceptual import PerceptualMetrics
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.system.console import say

Cell = tuple[str, float] | None
"""A benchmark and a scale, or None for all images of a validation, over whose scales a mean is taken."""

T = TypeVar("T")
MoreValues = Callable[[BenchmarkItem, Tensor], Mapping[str, Tensor]]


class Way(NamedTuple):
    """How the images of a cell are computed since memory ran out.

    Attributes:
        inference: In tiles.
        image: Where it ran out, in words.
    """

    inference: Inference
    image: str


class Scoring:
    """Scores the images of one rank and brings those of all ranks together.

    Numbers by whole images and by tiles are by two protocols: once an image of a cell does not fit into memory, all
    images of the cell are scored in tiles, those that were scored before and those of other ranks once more. So are
    those of later validations.

    Args:
        protocol: How images are compared; its name holds the marks of ``inference``.
        inference: How SR images are computed as long as memory allows.
        cell_of: Which images share a way; those of a benchmark and scale, unless said otherwise.
        more: Further values of an image.
    """

    def __init__(
        self,
        protocol: Protocol,
        inference: Inference,
        cell_of: Callable[[str, float], Cell] = lambda benchmark, scale: (benchmark, scale),
        more: MoreValues = lambda _item, _sr: {},
    ) -> None:
        self.protocol, self.inference = protocol, inference
        self._name = protocol.name.removesuffix(inference.marks)
        self._cell_of, self._more = cell_of, more
        self._ways: dict[Cell, Way] = {}
        self._told: dict[Cell, Way] = {}
        self._scored: list[tuple[PendingScore, str]] = []

    def way(self, benchmark: str, scale: float) -> Inference:
        """How images of a benchmark are computed at a scale."""
        way = self._ways.get(self._cell_of(benchmark, scale))
        return self.inference if way is None else way.inference

    def score(self, net: SuperResolver, item: BenchmarkItem) -> None:
        """Scores one image; the values stay on the device until they are gathered.

        Args:
            net: The model.
            item: The image, on the model's device.

        Raises:
            InputError: If the image is too small for the protocol, or memory is not enough for the least tiles.
        """
        self._scored.append(self._score(net, item))

    def _score(self, net: SuperResolver, item: BenchmarkItem) -> tuple[PendingScore, str]:
        asked = self.way(item.benchmark, item.scale)
        score, used = within_memory(lambda way: self._collect(net, item, way), asked, item.lr_size, item.title)
        if used != asked:
            self._ways[self._cell_of(item.benchmark, item.scale)] = Way(used, item.title)
        return score, self._name + used.marks

    def _collect(self, net: SuperResolver, item: BenchmarkItem, way: Inference) -> PendingScore:
        sr = way.wrap(net)(item.lr / 255, item.scale)
        more = self._more(item, sr)
        if way != self.inference:
            # Double precision of the whole image may be what does not fit.
            sr, item = sr.cpu(), item._replace(lr=item.lr.cpu(), hr=item.hr.cpu())
        return score_image(self.protocol, item, sr, more)

    def gather(self, net: SuperResolver, read: Callable[[int], BenchmarkItem]) -> list[ImageScore]:
        """The scores of all ranks, on every rank, sorted by benchmark, scale and image.

        All ranks must call it. It forgets the scores, not the tiles.

        Args:
            net: The model, for images that have to be scored once more.
            read: Gives this rank's image of a number, in the order in which they were scored, on the model's device.
        """
        scored, self._scored = self._scored, []
        own = [score.finished(protocol) for score, protocol in scored]
        while True:
            parts = _gathered((own, self._ways))
            self._adopt([ways for _, ways in parts])
            if not any(self._is_stale(score) for scores, _ in parts for score in scores):
                self._tell()
                return sorted((score for scores, _ in parts for score in scores), key=lambda score: score.place)
            for number, score in enumerate(own):
                if self._is_stale(score):
                    again, protocol = self._score(net, read(number))
                    own[number] = again.finished(protocol)

    def _is_stale(self, score: ImageScore) -> bool:
        return score.protocol != self._name + self.way(score.benchmark, score.scale).marks

    def _adopt(self, parts: Sequence[Mapping[Cell, Way]]) -> None:
        """Takes the smallest tiles of any rank."""
        for ways in parts:
            for cell, way in ways.items():
                if cell not in self._ways or _tile(way) < _tile(self._ways[cell]):
                    self._ways[cell] = way

    def _tell(self) -> None:
        for cell, way in self._ways.items():
            if self._told.get(cell) != way:
                whose = "all images are" if cell is None else "its images at that scale are"
                say(
                    f"Memory ran out at {way.image}: {whose} scored in tiles of {_tile(way)} pixels, protocol "
                    f"{self._name}{way.inference.marks}"
                )
        self._told = dict(self._ways)


def perceptual_values(
    perceptual: PerceptualMetrics, protocol: Protocol, item: BenchmarkItem, sr: Tensor
) -> dict[str, Tensor]:
    """Further metrics of one image, of the pixels that the protocol compares."""
    if not perceptual.metrics:
        return {}
    sr, hr = (image.float() / 255 for image in protocol.rgb(sr, item.hr.double() / 255, item.scale))
    values: dict[str, Tensor] = perceptual(sr, hr)
    return values


def _gathered(own: T) -> list[T]:
    """What each rank gives, by rank, on every rank; all must call it."""
    if not (dist.is_available() and dist.is_initialized()):
        return [own]
    parts: list[T] = [own for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, own)
    return parts


def _tile(way: Way) -> int:
    assert way.inference.tile is not None
    return way.inference.tile
