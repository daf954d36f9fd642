"""The model card: what a file of weights says about the network it holds, and how to build that safely."""

import dataclasses
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from torch import nn

from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.network import SRNet

AVERAGE, RAW = "average", "raw"
"""The two kinds of weights that a training checkpoint may hold: averaged over the training, and of the last step."""

_OWN_MODULES = ("igconv_sr.encoders", "igconv_sr.upsamplers")


@dataclass(frozen=True)
class ModelCard:
    """What a file of weights needs to say about itself.

    Attributes:
        encoder: ``_target_`` and arguments of the encoder.
        upsampler: ``_target_``, ``_partial_`` and arguments of the upsampler.
        scales: Scales of the training.
        model: Name of the encoder's configuration.
        upsampler_name: Name of the upsampler's configuration.
        train_data: Name of the training data.
        seed: Seed of the run.
        steps: Optimiser steps done.
        weights_of: Which weights the file holds: ``average``, the moving average over the training, or ``raw``, those
            of the last step; empty where that is not known. A training checkpoint may hold both: what is read says it.
    """

    encoder: Mapping[str, Any]
    upsampler: Mapping[str, Any]
    scales: Sequence[float]
    model: str
    upsampler_name: str
    train_data: str
    seed: int
    steps: int = 0
    weights_of: str = ""

    @property
    def fgrep(self) -> bool:
        """Whether the kernels are averaged over the dihedral group."""
        return bool(self.upsampler.get("fgrep", False))

    def after(self, steps: int) -> Self:
        """The card with another number of steps."""
        return dataclasses.replace(self, steps=steps)

    def holding(self, weights_of: str) -> Self:
        """The card of a file that holds these weights."""
        return dataclasses.replace(self, weights_of=weights_of)

    def differences(self, other: Self) -> list[str]:
        """What keeps the weights of ``other`` from fitting, as ``key: other's value, own value``."""
        own, others = self._architecture(), other._architecture()
        return [
            f"{key}: {others.get(key)}, not {own.get(key)}"
            for key in sorted(own.keys() | others.keys())
            if own.get(key) != others.get(key)
        ]

    def _architecture(self) -> dict[str, Any]:
        parts = {"model": self.encoder, "upsampler": self.upsampler}
        flat = {f"{part}.{key}": value for part, arguments in parts.items() for key, value in arguments.items()}
        return flat | {"data.scales": list(self.scales)}

    def to_json(self) -> str:
        """The card as text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a card that :meth:`to_json` wrote.

        Raises:
            InputError: If the text is not one.
        """
        try:
            content: dict[str, Any] = dict(json.loads(text))
            later = content.keys() - {field.name for field in dataclasses.fields(cls)}
            card = cls(**{name: value for name, value in content.items() if name not in later})
            flat = card._architecture()
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"the model card is damaged ({error})") from error
        if later:
            raise InputError(f"the model card is of a later version of igconv_sr (it says {min(later)}); update yours")
        texts = (card.model, card.upsampler_name, card.train_data)
        if not all(isinstance(text, str) and text.isprintable() for text in texts):
            raise InputError("the model card is damaged (model, upsampler_name and train_data must be printable text)")
        if not (type(card.seed) is int and type(card.steps) is int and isinstance(card.scales, list)):
            raise InputError("the model card is damaged (seed and steps must be whole numbers, scales a list)")
        if not {"model._target_", "upsampler._target_"} <= flat.keys():
            raise InputError("the model card is damaged (it names no class)")
        if card.weights_of not in ("", AVERAGE, RAW):
            raise InputError(f"the model card is damaged (weights_of is {card.weights_of!r}, not {AVERAGE} or {RAW})")
        return card

    def build(self) -> SRNet:
        """The network with fresh weights.

        Raises:
            InputError: If a class is neither this package's nor one that the caller has imported, or has no such
                argument: a file of weights does not get to choose what is run.
        """
        encoder, encoder_arguments = _class_and_arguments("model", self.encoder)
        upsampler, upsampler_arguments = _class_and_arguments("upsampler", self.upsampler)
        return SRNet(encoder(**encoder_arguments), partial(upsampler, **upsampler_arguments), self.scales)


def _class_and_arguments(group: str, part: Mapping[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    target = str(part["_target_"])
    module, _, name = target.rpartition(".")
    if module in _OWN_MODULES:
        importlib.import_module(module)
    found = getattr(sys.modules.get(module), name, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InputError(
            f"the weights need the class {target}; import {module} first, if you trust it, or on the command line "
            "give the model=… that names it"
        )
    arguments = {key: value for key, value in part.items() if key not in ("_target_", "_partial_")}
    known = inspect.signature(found).parameters
    for argument in (name for name in arguments if name not in known):
        raise InputError(f"{group}.{argument}: {name} has no such argument{did_you_mean(argument, known)}")
    return found, arguments
