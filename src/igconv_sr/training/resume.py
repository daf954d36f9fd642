"""One check of everything that a training is asked to go on with, against what its checkpoint was trained with."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from igconv_sr.data import MixedScaleData
from igconv_sr.data.sources.remote import RemoteFile
from igconv_sr.errors import InputError
from igconv_sr.runs.training_keys import TRAINING_IMAGES, VALIDATION_IMAGES, Change, changes, training_settings
from igconv_sr.system.console import say
from igconv_sr.training.callbacks import SETTINGS_KEY
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import CARD_KEY, unpickle

_IMAGES = (TRAINING_IMAGES, VALIDATION_IMAGES)


def settings_of(config: DictConfig, data: MixedScaleData) -> dict[str, Any]:
    """All that shapes a training: its keys, and which images it sees."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    pairs = [path for files in data.lr_files.values() for path in files]
    images = (_identity([*data.train_files, *pairs]), _identity(data.valid_files))
    return training_settings(plain) | dict(zip(_IMAGES, images, strict=True))


def check_continuing(
    path: Path, card: ModelCard, settings: Mapping[str, Any], max_steps: int, *, in_its_folder: bool
) -> None:
    """Refuses what a training cannot go on with, and says in one line from where and with which changes it goes on.

    Args:
        path: The checkpoint.
        card: Of the training as asked for now.
        settings: Of the training as asked for now.
        max_steps: Last step of the training as asked for now.
        in_its_folder: Whether the run that wrote the checkpoint is continued, so that its results may be what is
            missing; not a copy of it in a new folder.

    Raises:
        InputError: If the checkpoint is none of a training, another value would make it another training, or nothing
            is left to train and no results are missing.
    """
    checkpoint = _read(path, card)
    trained_with = _trained_with(checkpoint, path)
    found = [] if trained_with is None else _changes(trained_with, settings)
    if refused := [change for change in found if not change.rule.may_change]:
        raise InputError(
            f"ckpt_path={path} cannot go on with another value of {_refusal(refused)}; give what it was trained with, "
            f"or start anew from its weights in another folder: weights={path}"
        )
    step = checkpoint["global_step"]
    if step > max_steps or (step == max_steps and not in_its_folder):
        raise InputError(
            f"nothing is left to train: {path} is at step {step}, and trainer.max_steps={max_steps}; train it further "
            f"with a larger trainer.max_steps, or score it as it is with igconv-sr evaluate ckpt_path={path}"
        )
    if step == max_steps:
        say(f"Nothing is left to train: {path} is at step {step} of trainer.max_steps={max_steps}; its results follow")
        return
    said = "".join(f"; {change.key}={_shown(change.now)}, before {_shown(change.before)}" for change in found)
    unknown = "; what it was trained with is not known, so that nothing could be compared"
    say(f"Continues {path} at step {step}{unknown if trained_with is None else said}")


def _read(path: Path, card: ModelCard) -> dict[str, Any]:
    """A checkpoint to continue, of the network that the card names."""
    if path.suffix == ".safetensors":
        raise InputError(f"ckpt_path={path} holds weights and no training to continue; start from them: weights={path}")
    try:
        checkpoint = unpickle(path)
    except InputError as error:
        raise InputError(f"ckpt_path={path}: {error}") from error
    if not isinstance(checkpoint, dict) or CARD_KEY not in checkpoint:
        raise InputError(f"ckpt_path={path}: the checkpoint to continue is not one of igconv_sr: it has no model card")
    if "optimizer_states" not in checkpoint:
        raise InputError(f"ckpt_path={path} holds weights and no training to continue; start from them: weights={path}")
    if differences := card.differences(ModelCard.from_json(checkpoint[CARD_KEY])):
        raise InputError(
            f"ckpt_path={path}: the checkpoint to continue is of another architecture ({'; '.join(differences)}); "
            "give the options it was trained with"
        )
    return checkpoint


def _trained_with(checkpoint: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    """Its settings; of a checkpoint from before it kept them, those in the run's ``config.yaml``, if that is there."""
    if SETTINGS_KEY in checkpoint:
        kept: dict[str, Any] = json.loads(checkpoint[SETTINGS_KEY])
        return kept
    file = path.absolute().parents[1] / "config.yaml"
    if path.absolute().parent.name != "checkpoints" or not file.is_file():
        return None
    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(file))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise InputError(f"{file} is damaged ({error}); remove it to continue {path} without a comparison") from error
    return training_settings(config)


def _changes(trained_with: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Change]:
    now = dict(settings)
    if "weights" in trained_with:
        now.setdefault("weights", trained_with["weights"])  # of its first step: nobody has to repeat them
    for images in _IMAGES:
        if images not in trained_with:  # but config.yaml alone, which does not know them
            now.pop(images)
    return changes(trained_with, now)


def _refusal(refused: Sequence[Change]) -> str:
    """``key (now 1, trained with 0: reason)``, the reason once for keys that share it."""
    said, reasons = [], set()
    for change in refused:
        reason = "" if change.rule.reason in reasons else f": {change.rule.reason}"
        reasons.add(change.rule.reason)
        said.append(f"{change.key} (now {_shown(change.now)}, trained with {_shown(change.before)}{reason})")
    return ", ".join(said)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _identity(files: Sequence[Path | RemoteFile]) -> str:
    """Their number and a hash of their names and, where no request is needed for that, their sizes in bytes."""
    listed = hashlib.sha256()
    for file in files:
        size = file.stat().st_size if isinstance(file, Path) else ""
        listed.update(f"{file.name} {size}\n".encode())
    return f"{len(files)}, hash {listed.hexdigest()[:8]}"
