"""What a folder of images is by its path: high or low resolution, of which set, at which scale.

The names are those of DIV2K, Flickr2K and LSDIR as published, of BasicSR (``GTmod12``, ``LRbicx4``, ``_sub``), of
EDSR's ``benchmark`` and RCAN's ``TestDataSR`` folders, and of MMEditing (``Set5_bicLRx4``).
"""

import re
from typing import Literal, NamedTuple

from igconv_sr.data.sources.known import names_a_set

_HR = re.compile(r"(?:(?P<stem>.+)_)?(?P<kind>HR|hr|GT|gt|original|GTmod(?P<modulus>\d+))(?P<sub>_sub)?")
_LR = re.compile(
    r"(?:(?P<stem>.+?)_)?(?:bic)?(?:LR|lr)(?:_?(?P<kind>bicubic|bic|BI|BD|DN|unknown|mild|difficult|wild))?"
    r"(?:_?[xX](?P<scale>\d))?(?P<sub>_sub)?"
)
_SCALE = re.compile(r"[xX](?P<scale>\d)(?P<sub>_sub)?")
_BICUBIC = (None, "bicubic", "bic", "BI")


class Place(NamedTuple):
    """What a path says.

    Attributes:
        role: ``plain`` where it says nothing of resolution.
        key: The folders that name the set: equal for the HR and the LR images of one set.
        scale: Of LR images, and of HR images that are meant for one scale; None where the path does not say.
        kind: Which of several HR versions; of LR images the reduction, empty where it is not bicubic.
        base: The folder that stands for all images of this kind, below the walk's beginning.
        rest: Further folders below, equal for an HR image and its LR versions.
    """

    role: Literal["hr", "lr", "plain"]
    key: tuple[str, ...]
    scale: int | None
    kind: str
    base: tuple[str, ...]
    rest: tuple[str, ...]


def has_role(part: str) -> bool:
    """Whether a folder's name says that its images are of high or of low resolution, or for one scale."""
    return any(pattern.fullmatch(part) for pattern in (_HR, _LR, _SCALE))


def is_hr(part: str) -> bool:
    """Whether a folder's name says that its images are of high resolution."""
    return _HR.fullmatch(part) is not None


def place(parts: tuple[str, ...]) -> Place:
    """Reads a folder's path.

    Args:
        parts: The path below the folder that the walk began at.

    Example:
        >>> place(("DIV2K", "DIV2K_train_LR_bicubic", "X2"))[:4]
        ('lr', ('DIV2K', 'DIV2K_train'), 2, 'bicubic')
    """
    found = [(_HR.fullmatch(part), _LR.fullmatch(part), _SCALE.fullmatch(part)) for part in parts]
    first = next((index for index, matches in enumerate(found) if any(matches)), None)
    if first is None:
        named = max((index + 1 for index, part in enumerate(parts) if names_a_set(part)), default=0)
        return Place("plain", parts[:named], None, "plain", parts[:named], parts[named:])
    key, rest, last = list(parts[:first]), list[str](), first
    for index in range(first, len(parts)):
        match = next((match for match in found[index] if match), None)
        if match is not None:
            words = match.groupdict()
            key += [f"{stem}" for stem in (words.get("stem"), words["sub"]) if stem]
        elif names_a_set(parts[index]) or (index + 1 < len(parts) and found[index + 1][2]):
            key.append(parts[index])
        else:
            rest.append(parts[index])
            continue
        last = index
    return _read(found, tuple(key), parts[: last + 1], tuple(rest))


def _read(
    found: list[tuple[re.Match[str] | None, re.Match[str] | None, re.Match[str] | None]],
    key: tuple[str, ...],
    base: tuple[str, ...],
    rest: tuple[str, ...],
) -> Place:
    hr = next((match for match, _, _ in found if match), None)
    lr = [match for _, match, _ in found if match]
    scales = [match["scale"] for match in (*lr, *(match for _, _, match in found if match)) if match["scale"]]
    scale = int(scales[-1]) if scales else None
    if hr is None:
        kinds = [match["kind"] for match in lr]
        bicubic = all(kind in _BICUBIC for kind in kinds)
        return Place("lr", key, scale, "bicubic" if bicubic else "", base, rest)
    modulus = int(hr["modulus"]) if hr["modulus"] else None
    if modulus in (2, 3, 4, 8):  # cropped for one scale; 12 fits ×2, ×3 and ×4
        scale = modulus
    return Place("hr", key, scale, hr["kind"], base, rest)
