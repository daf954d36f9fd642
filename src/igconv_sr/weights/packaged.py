"""The weights that come with the package: a file ``NAME.safetensors`` in this folder is known as NAME.

Beside each lies NAME.md: what it was trained on and how, and what it reaches.
"""

from pathlib import Path
from typing import NamedTuple

from igconv_sr.errors import InputError, did_you_mean

BEST = "photo"
"""The better one: what is taken on a GPU, where it costs little."""

QUICK = "photo-small"
"""The quick one: what is taken on a CPU. 640×480 pixels to ×2 take 2 seconds of one thread, by the better one 11."""

_FOLDER = Path(__file__).parent
_SUFFIX = ".safetensors"
_IN_RUN = ("model.safetensors", "checkpoints/last.ckpt")


class DefaultWeights(NamedTuple):
    """What is taken where the user names no weights.

    Attributes:
        path: Of packaged weights; no file of that name in the working directory goes before them.
        remark: A line for the user: which they are, and why.
    """

    path: Path
    remark: str


def default_weights(device: str) -> DefaultWeights:
    """The packaged weights for a device.

    Args:
        device: Its type, ``cpu`` or that of a GPU.
    """
    if device == "cpu":
        remark = f"Model {QUICK}: the default on a CPU, where {BEST} is better and takes 3 to 5 times as long"
        return DefaultWeights(_file(QUICK), remark)
    return DefaultWeights(_file(BEST), f"Model {BEST}: the default on a GPU; {QUICK} is quicker and not as good")


def default_words() -> str:
    """The rule of :func:`default_weights`, for ``--help``."""
    return f"{BEST} on a GPU, {QUICK} on a CPU"


def weight_names() -> list[str]:
    """The names of the packaged weights."""
    return sorted(path.stem for path in _FOLDER.glob(f"*{_SUFFIX}"))


def find_weights(name_or_path: str | Path) -> Path:
    """The file that a user means; a file of that name goes before packaged weights.

    Raises:
        InputError: If there is neither.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    names = weight_names()
    if str(name_or_path) in names:
        return _file(str(name_or_path))
    if path.is_dir():
        inside = next((path / name for name in _IN_RUN if (path / name).is_file()), None)
        raise InputError(f"{path} is a folder; give a file of weights{f', such as {inside}' if inside else ''}")
    hint = did_you_mean(str(name_or_path), names)
    raise InputError(f"checkpoint {path} does not exist, and the packaged weights are {', '.join(names)}{hint}")


def are_there(name_or_path: str) -> bool:
    """Whether weights that a table of results names can be read from here."""
    return Path(name_or_path).is_file() or name_or_path in weight_names()


def _file(name: str) -> Path:
    return _FOLDER / f"{name}{_SUFFIX}"
