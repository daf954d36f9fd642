"""Checkpoints that say themselves which network they hold, and how to read and write them safely."""

import contextlib
import dataclasses
import inspect
import io
import json
import os
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import torch
from hydra.utils import get_class, instantiate
from lightning.pytorch.plugins.io import TorchCheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.network import SRNet

CARD_KEY = "igconv_sr"
"""Where a checkpoint or a safetensors file keeps its card."""

NETWORK_PREFIX = "net."
"""Prefix of the network's weights in a training checkpoint."""

_TRUSTED_PACKAGES = ("igconv_sr.encoders.", "igconv_sr.upsamplers.")


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
    """

    encoder: Mapping[str, Any]
    upsampler: Mapping[str, Any]
    scales: Sequence[int]
    model: str
    upsampler_name: str
    train_data: str
    seed: int
    steps: int = 0

    @property
    def fgrep(self) -> bool:
        """Whether the kernels are averaged over the dihedral group."""
        return bool(self.upsampler.get("fgrep", False))

    def after(self, steps: int) -> Self:
        """The card with another number of steps."""
        return dataclasses.replace(self, steps=steps)

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
        """Reads a card that :meth:`to_json` wrote."""
        return cls(**json.loads(text))

    def build(self) -> SRNet:
        """The network with fresh weights.

        Raises:
            InputError: If a class is neither this package's nor one that the caller has imported: a file of weights
                does not get to choose what is run.
        """
        for group, part in (("model", self.encoder), ("upsampler", self.upsampler)):
            _check_trusted(str(part["_target_"]))
            _check_arguments(group, part)
        return SRNet(instantiate(dict(self.encoder)), instantiate(dict(self.upsampler)), self.scales)


def _check_trusted(target: str) -> None:
    module, _, name = target.rpartition(".")
    if target.startswith(_TRUSTED_PACKAGES):
        return
    found = getattr(sys.modules.get(module), name, None)
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise InputError(f"the weights need the class {target}; import {module} first, if you trust it")


def _check_arguments(group: str, part: Mapping[str, Any]) -> None:
    cls = get_class(part["_target_"])
    known = inspect.signature(cls).parameters
    for name in part:
        if name not in known and name not in ("_target_", "_partial_"):
            raise InputError(f"{group}.{name}: {cls.__name__} has no such argument{did_you_mean(name, known)}")


def load(path: str | Path) -> SRNet:
    """Reads a network from a training checkpoint or a safetensors file of this package.

    Args:
        path: ``.ckpt`` or ``.safetensors``.

    Returns:
        The network in eval mode; ``net(lr, scale)`` takes and gives RGB in [0,1], (B,3,H,W). A checkpoint trained
        with a moving average gives the averaged weights.

    Raises:
        InputError: If the file is missing, damaged or not of this package.
    """
    return load_with_card(path)[0]


def load_with_card(path: str | Path) -> tuple[SRNet, ModelCard]:
    """As :func:`load`, with the card."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"checkpoint {path} does not exist")
    card, weights = _read_safetensors(path) if path.suffix == ".safetensors" else _read_checkpoint(path)
    net = card.build()
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"the weights in {path} do not fit the network it names: {error}") from error
    return net.eval(), card


def _read_checkpoint(path: Path) -> tuple[ModelCard, dict[str, Tensor]]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, BadZipFile, EOFError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "the file is cut short"
        raise InputError(f"{path} cannot be read as a checkpoint: {reason}") from error
    if not isinstance(content, dict) or CARD_KEY not in content:
        raise InputError(f"{path} is not a checkpoint of igconv_sr: it has no model card")
    weights = {
        key.removeprefix(NETWORK_PREFIX): value
        for key, value in content["state_dict"].items()
        if key.startswith(NETWORK_PREFIX)
    }
    return ModelCard.from_json(content[CARD_KEY]), weights


def _read_safetensors(path: Path) -> tuple[ModelCard, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from error
    if CARD_KEY not in metadata:
        raise InputError(f"{path} is not a file of igconv_sr: it has no model card")
    return ModelCard.from_json(metadata[CARD_KEY]), weights


def save_safetensors(net: SRNet, card: ModelCard, path: Path) -> None:
    """Writes the weights and the card, to a temporary name first."""
    weights = {key: value.contiguous() for key, value in net.state_dict().items()}
    with replacing(path) as partial:
        partial.write_bytes(save(weights, metadata={CARD_KEY: card.to_json()}))


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside ``path``; renames it on success, removes it on any failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints to a temporary name, flushes them to the disk and renames them.

    Being killed or a full disk leaves the previous checkpoint as it was.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint."""
        del storage_options  # of remote file systems; checkpoints are local files
        # Through memory, so that a full disk is an OSError and not an error inside torch.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with replacing(Path(path)) as partial, partial.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
