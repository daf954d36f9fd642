"""Checkpoints that say themselves which network they hold, and how to read and write them safely."""

import io
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.system.files import replacing
from igconv_sr.weights.card import AVERAGE, RAW, ModelCard
from igconv_sr.weights.packaged import find_weights
from igconv_sr.weights.released_files import WEIGHTS_KEY, from_released, to_released, translate

CARD_KEY = "igconv_sr"
"""The key under which a checkpoint or a safetensors file keeps its card."""

NETWORK_PREFIX = "net."
"""Prefix of the network's weights in a training checkpoint."""


_RAW_KEY = "current_model_state"
"""The key under which Lightning's weight averaging keeps the raw weights; ``state_dict`` then holds the average."""


def load(path: str | Path, assume: Mapping[str, Any] | None = None) -> SRNet:
    """Reads a network from a file of this package or from weights that the authors released.

    Args:
        path: ``.ckpt`` or ``.safetensors`` of this package, the authors' ``.pth``, or the name of packaged weights:
            ``photo``, the better one, or ``photo-small``, the quick one.
        assume: For a ``.pth``: values of arguments that its weights do not show, such as ``{"max_scale": 8}``,
            instead of the published ones; see :mod:`igconv_sr.weights.released.recognise`.

    Returns:
        The network in eval mode and float32, also from a file in half precision; ``net(lr, scale)`` takes and gives
        RGB in [0,1], (B,3,H,W). A checkpoint trained with a moving average gives the averaged weights.

    Raises:
        InputError: If the file is missing, damaged or of another kind.
    """
    return load_with_remark(path, assume)[0]


def load_with_card(path: str | Path) -> tuple[SRNet, ModelCard]:
    """As :func:`load`, with the card."""
    return load_with_remark(path)[:2]


def load_with_remark(
    path: str | Path, assume: Mapping[str, Any] | None = None, weights_of: str | None = None
) -> tuple[SRNet, ModelCard, str]:
    """As :func:`load`, with the card and what the file holds, in words.

    Args:
        path: As of :func:`load`.
        assume: As of :func:`load`.
        weights_of: ``average`` or ``raw``, where a checkpoint holds both; None: the average if there is one.

    Raises:
        InputError: Also if the file does not hold those weights.
    """
    if weights_of not in (None, AVERAGE, RAW):
        raise InputError(f"weights_of={weights_of} must be {AVERAGE} or {RAW}")
    path = find_weights(path)
    try:
        content = _read_safetensors(path) if path.suffix == ".safetensors" else unpickle(path)
        card, weights, remark = _understand(content, assume, weights_of)
        net = card.build()
        net.load_state_dict(weights)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the model card is damaged ({error})") from error
    except RuntimeError as error:
        first = " ".join(str(error).split())[:300]
        raise InputError(f"{path}: the weights do not fit the network that the model card names: {first}") from error
    return net.eval(), card, remark


def _understand(
    content: Any, assume: Mapping[str, Any] | None, weights_of: str | None
) -> tuple[ModelCard, dict[str, Tensor], str]:
    """The card, the weights under our names, and what they are in words."""
    if not isinstance(content, dict) or CARD_KEY not in content:
        try:
            card, weights, remark = from_released(content, assume)
        except InputError as error:
            raise InputError(f"this has no model card, and {error}") from error
        _check_held("", weights_of)
        return card, weights, remark
    if assume:
        raise InputError(f"its model card says what it holds; there is nothing to assume ({', '.join(assume)})")
    card = ModelCard.from_json(content[CARD_KEY])
    remark = f"{card.model} with {card.upsampler_name}, as its model card says"
    if isinstance(content.get(WEIGHTS_KEY), dict):
        _check_held(card.weights_of, weights_of)
        return card, translate(content[WEIGHTS_KEY], card), remark
    if not isinstance(content.get("state_dict"), dict):
        raise InputError("this checkpoint holds no weights")
    if "optimizer_states" in content:  # of a training
        card = card.holding(AVERAGE if _RAW_KEY in content else RAW)
    if card.weights_of == AVERAGE and weights_of == RAW and isinstance(content.get(_RAW_KEY), dict):
        content, card = {"state_dict": content[_RAW_KEY]}, card.holding(RAW)
    _check_held(card.weights_of, weights_of)
    weights = {
        key.removeprefix(NETWORK_PREFIX): value
        for key, value in content["state_dict"].items()
        if key.startswith(NETWORK_PREFIX)
    }
    return card, weights, remark


def _check_held(held: str, asked: str | None) -> None:
    if asked not in (None, held):
        holds = f"this holds the {held} weights alone" if held else "this does not say which weights it holds"
        raise InputError(f"{holds}; leave weights_of={asked} out")


def unpickle(path: Path) -> Any:
    """Reads what torch wrote, on the CPU, without running anything.

    Raises:
        InputError: If the file is damaged or of another kind.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about files of another kind, which the error tells
            return torch.load(path, map_location="cpu", weights_only=True)
    # Whatever bytes a file holds, torch may stumble over them in many ways.
    except Exception as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        reason = (
            f"it asks for {asked[1]}, which weights never do and which could run anything"
            if asked
            else "it is cut short or of another kind"
        )
        raise InputError(f"this cannot be read as a checkpoint; {reason}") from error


def _read_safetensors(path: Path) -> dict[str, Any]:
    """As a checkpoint's content, or the bare weights where there is no card."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise InputError(f"this cannot be read as safetensors ({error})") from error
    if CARD_KEY not in metadata:
        return weights
    prefixed = {f"{NETWORK_PREFIX}{key}": value for key, value in weights.items()}
    return {CARD_KEY: metadata[CARD_KEY], "state_dict": prefixed}


def save_safetensors(net: SRNet, card: ModelCard, path: Path) -> None:
    """Writes the weights and the card, to a temporary name first."""
    weights = {key: value.contiguous() for key, value in net.state_dict().items()}
    with replacing(path) as partial:
        partial.write_bytes(save(weights, metadata={CARD_KEY: card.to_json()}))


def save_released(net: SRNet, card: ModelCard, path: Path) -> None:
    """Writes the weights in the authors' layout, to a temporary name first.

    Beside them lies the card, which the authors' code does not heed.

    Raises:
        InputError: If the authors have no such model.
    """
    write_checkpoint({**to_released(net, card), CARD_KEY: card.to_json()}, path)


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Writes a checkpoint to a temporary name, flushes it to the disk and renames it.

    Being killed or a full disk leaves the previous checkpoint as it was.
    """
    # Through memory, so that a full disk is an OSError and not an error inside torch.
    written = io.BytesIO()
    torch.save(content, written)
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(written.getbuffer())
        file.flush()
        os.fsync(file.fileno())
