"""The weights that come with the package: a file ``NAME.safetensors`` in this folder is known as NAME."""

from pathlib import Path

from igconv_sr.errors import InputError, did_you_mean

DEFAULT_NAME = "photo-small"
"""What ``igconv-sr upscale`` takes unless told otherwise."""

_FOLDER = Path(__file__).parent
_SUFFIX = ".safetensors"


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
        return _FOLDER / f"{name_or_path}{_SUFFIX}"
    hint = did_you_mean(str(name_or_path), names)
    raise InputError(f"checkpoint {path} does not exist, and the packaged weights are {', '.join(names)}{hint}")
