"""What the modules of the encoders are written in: the layout of one encoder's files, and sizes read off shapes."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import mode
from typing import Any

from torch import Tensor

from igconv_sr.encoders import Encoder

Arguments = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]

TRAINED_SCALES = (2, 3, 4)
"""Scales of the released models; the ×8 models say so by ``max_scale``."""


@dataclass(frozen=True)
class Sizes:
    """Sizes read off the shapes of weights, by patterns of their keys in which # stands for a number.

    Where several weights show the same size, most of them decide: a damaged one does not hide what the others are.
    A ``KeyError`` is raised where no weight shows it.

    Attributes:
        shapes: Of the weights by key, without indices and masks.
        published: Arguments of the released model, taken where several values make the same shapes.
    """

    shapes: Shapes
    published: Arguments

    def size(self, *patterns: str, axis: int = 0) -> int:
        """Size along an axis of the weights of all these patterns."""
        shapes = [self.shapes[match.string] for pattern in patterns for match in self._matches(f"{pattern}$")]
        sizes = [shape[axis] for shape in shapes if len(shape) > axis and shape[axis]]
        if not sizes:
            raise KeyError(patterns)
        return mode(sizes)

    def count(self, pattern: str) -> int:
        """Number of different numbers in the first # of the keys that begin with a pattern."""
        numbers = {match[1] for match in self._matches(pattern)}
        if not numbers:
            raise KeyError(pattern)
        return len(numbers)

    def counts(self, pattern: str) -> list[int]:
        """As :meth:`count`, of the second #, for each number in the first."""
        return [self.count(pattern.replace("#", str(number), 1)) for number in range(self.count(pattern))]

    def divisor(self, name: str, channels: int, divided: int) -> int:
        """The argument by which ``channels`` divided, rounded down but not below 1, are ``divided``."""
        published: int = self.published[name]
        return published if max(channels // published, 1) == divided else channels // divided

    def factor(self, name: str, channels: int, multiplied: int) -> float:
        """The argument whose product with ``channels``, rounded down, is ``multiplied``, as short as can be.

        Example:
            >>> sizes = Sizes({}, {"mlp_ratio": 2})
            >>> [sizes.factor("mlp_ratio", *pair) for pair in ((60, 120), (60, 90), (49, 1))]
            [2, 1.5, 0.02041]
        """
        short = (round(multiplied / channels, digits) for digits in range(16))
        tried = (factor for factor in (self.published[name], *short) if int(channels * factor) == multiplied)
        return next(tried, (multiplied + 0.5) / channels)  # whatever the rounding

    def _matches(self, pattern: str) -> Iterator[re.Match[str]]:
        expression = re.compile(pattern.replace(".", "[.]").replace("#", "([0-9]+)"))
        return filter(None, map(expression.match, self.shapes))


@dataclass(frozen=True)
class Layout:
    """The authors' released files of one encoder, whose weights keep their key names in our class.

    Attributes:
        name: The encoder's, in a reference file's ``meta``.
        encoder: Our class.
        channels: Its argument that is the number of its features' channels.
        read: Its arguments that the weights show; raises a ``KeyError`` if one of these weights is missing.
        read_in_part: Those of them that the weights do not show altogether.
        head: Where the authors' class keeps its upsampler.
        scales: Of the released model.
        always_fgrep: Whether the kernels are averaged whatever ``meta`` says.
        buffers: From all its arguments the indices and masks by key, without which the authors' code loads no file.
        training_patch: From its depths, window size and a file's weights the training patch as an argument, if shown.
    """

    name: str
    encoder: type[Encoder]
    channels: str
    read: Callable[[Sizes], Arguments]
    read_in_part: tuple[str, ...] = ()
    head: str = "upsample"
    scales: tuple[int, ...] = TRAINED_SCALES
    always_fgrep: bool = False
    buffers: Callable[[Arguments], dict[str, Tensor]] = lambda _: {}
    training_patch: Callable[[Mapping[str, Any], Mapping[str, Tensor]], dict[str, int]] = lambda *_: {}

    @property
    def published(self) -> Arguments:
        """Arguments of the released model."""
        return published_arguments(self.encoder)


def shapes_of(weights: Mapping[str, Tensor]) -> Shapes:
    """Shapes by key."""
    return {key: tuple(value.shape) for key, value in weights.items()}


def published_arguments(cls: type) -> Arguments:
    """Arguments of the released model of a class, which are its defaults; lists instead of tuples."""
    defaults = {name: argument.default for name, argument in inspect.signature(cls).parameters.items()}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in defaults.items()
        if value is not inspect.Parameter.empty
    }
