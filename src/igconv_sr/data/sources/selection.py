"""Which files ``data=div2k``, ``data=folder`` and so on train and validate on."""

import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from igconv_sr.data.sources.known import DF2K, DIV2K, FLICKR2K, IMAGENET, LSDIR, KnownSet
from igconv_sr.data.sources.layouts import ImageSet, find_sets, find_sets_around
from igconv_sr.data.sources.walk import LIST_NAME, list_images, list_shards
from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.system.left_out import Kind, LeftOut

FOLDER = "folder"
_SETS = {"div2k": DIV2K, "flickr2k": FLICKR2K, "df2k": DF2K, "lsdir": LSDIR, "imagenet": IMAGENET}
CHOICES = (*_SETS, FOLDER)

_EXAMPLES = {
    DIV2K.title: "DIV2K_train_HR/0001.png",
    FLICKR2K.title: "Flickr2K_HR/000001.png",
    DF2K.title: "DF2K/HR, or DIV2K_train_HR and Flickr2K_HR",
    LSDIR.title: "LSDIR/train/0001000/…",
    IMAGENET.title: "train/n01440764/…",
}
_DIV2K_VALID = re.compile(r"0(8(0[1-9]|[1-9]\d)|900)")
"""Names of DIV2K's validation images: 0801 to 0900."""


_KEPT_BACK = "kept back from them"


class Selection(NamedTuple):
    """Files to train and to validate on.

    Attributes:
        train: Training images.
        valid: Validation images, none of which is among ``train``.
        valid_source: Where these come from.
        valid_name: What they are called in results, where they are a set of their own.
        notices: What a user should know, a line each.
        lr_files: Per scale the LR file of training and validation images, where such files lie beside them.
    """

    train: list[Path]
    valid: list[Path]
    valid_source: str
    valid_name: str | None
    notices: list[str]
    lr_files: Mapping[int, Mapping[Path, Path]]

    @property
    def held_out(self) -> bool:
        """Whether the validation images are kept back from the training images."""
        return self.valid_source == _KEPT_BACK


def select(choice: str, root: Path) -> Selection:
    """Finds a data set; :func:`select_folder` for ``folder``.

    Args:
        choice: One of ``CHOICES``.
        root: A folder above the set, the set's own, or that of its HR files; for ``folder`` any.

    Raises:
        InputError: If there is no such data set or it is not below ``root``, if it is there twice, or if DIV2K's
            validation images lie among those to train on.
    """
    if choice == FOLDER:
        return select_folder(root)
    if choice not in _SETS:
        raise InputError(f"there is no data set {choice!r}, only {', '.join(CHOICES)}{did_you_mean(choice, CHOICES)}")
    known, sets = _SETS[choice], find_sets_around(root)
    parts = _training_sets(known, sets, root)
    for part in parts:
        _refuse_validation_images(part)
    train = [path for part in parts for path in part.files]
    notices = _count_notices(known, sum(part.originals for part in parts), root)
    valid = _validation_set(known, sets, root)
    if valid is None:
        return _hold_out(train, root, notices, parts)
    lr_files = _lr_files([*parts, valid])
    return Selection(train, list(valid.files), str(valid.folder), _valid_name(valid), notices, lr_files)


def _training_sets(known: KnownSet, sets: Sequence[ImageSet], root: Path) -> list[ImageSet]:
    found = _find(known, "train", sets, root)
    if found is not None:
        return [found]
    if known is DF2K:
        parts = {part.title: _find(part, "train", sets, root) for part in (DIV2K, FLICKR2K)}
        if missing := [title for title, part in parts.items() if part is None]:
            raise _missing(known, f"{' and '.join(missing)} not found; ", sets, root)
        return [part for part in parts.values() if part is not None]
    if known is IMAGENET:
        # Its folder may be called anything; the classes below it need not say "train".
        unnamed = [each for each in sets if each.known is None and each.files]
        if some := [each for each in unnamed if each.split == "train"] or [e for e in unnamed if e.split is None]:
            return some
    raise _missing(known, "", sets, root)


def _missing(known: KnownSet, detail: str, sets: Sequence[ImageSet], root: Path) -> InputError:
    others = ", ".join(sorted({each.name for each in sets if each.files})) or "no image at all"
    return InputError(
        f"no training images of {known.title} below {root}: {detail}looked for {_EXAMPLES[known.title]}, "
        f"found {others}; set data.root to the folder that holds it"
    )


def _find(known: KnownSet, split: str, sets: Sequence[ImageSet], root: Path) -> ImageSet | None:
    """The set; whole images where there are sub-images too."""
    found = [each for each in sets if each.known is known and each.split == split and each.files]
    found = [each for each in found if not each.sub_images] or found
    if len(found) > 1:
        raise InputError(
            f"{known.title} ({split}) is below {root} more than once: {', '.join(str(each.folder) for each in found)}; "
            "set data.root to one of them"
        )
    return found[0] if found else None


def validation_images_among(found: ImageSet) -> list[Path]:
    """DIV2K's validation images in a set to train on; all files where only their number tells."""
    if found.known not in (DIV2K, DF2K) or found.split != "train":
        return []
    among = [path for path in found.files if _DIV2K_VALID.fullmatch(path.stem.partition("_s")[0])]
    merged = found.known.counts["train"] + DIV2K.counts["valid"]
    return among or (list(found.files) if found.originals == merged else [])


def _refuse_validation_images(found: ImageSet) -> None:
    if found.known is None or not validation_images_among(found):
        return
    raise InputError(
        f"{found.folder} holds {found.originals} images with the validation images of DIV2K (0801 to 0900) among "
        f"them; published models train on {found.known.counts['train']} and are chosen by the other 100, which "
        "must not be trained on: move 0801.png to 0900.png to DIV2K_valid_HR"
    )


def _count_notices(known: KnownSet, count: int, root: Path) -> list[str]:
    expected = known.counts["train"]
    if count == expected:
        return []
    return [
        f"Notice: {known.title} has {expected:,} training images, {count:,} lie below {root}; results will not compare "
        f"with published ones (igconv-sr data check {root} says more)"
    ]


def _validation_set(known: KnownSet, sets: Sequence[ImageSet], root: Path) -> ImageSet | None:
    """The set's own, else DIV2K's; the 50,000 of ImageNet are too many to be scored whole every few steps."""
    own = _find(known, "valid", sets, root) if known is not IMAGENET else None
    return own or _find(DIV2K, "valid", sets, root)


def select_folder(root: Path, valid_root: Path | None = None) -> Selection:
    """Takes any folder; only HR images count. A folder of shards is taken as it is.

    Args:
        root: The folder. Images of folders called ``valid`` or ``val`` below it are for validation, those of
            benchmarks for neither.
        valid_root: Folder of the validation images, instead.

    Raises:
        InputError: If a folder does not exist or holds too few images.
    """
    if shards := list_shards(root):
        return _shards(shards, root, valid_root)
    left_out, of_valid = LeftOut(str(root)), LeftOut(str(valid_root))
    # A path has to be spelt in one way, however root and valid_root are.
    sets, train_sets = sets_to_train_on(root, left_out)
    valid_sets = [each for each in sets if each.split == "valid"] if train_sets else []
    if valid_root is not None:
        valid_sets = _sets_with_images(valid_root.absolute(), of_valid)
    valid, train = _files(valid_sets), _files(train_sets or sets)
    if valid:
        train = _without(train, valid)
    notices = [*_left_out(sets, train_sets, valid_sets), *left_out.notices(), *of_valid.notices()]
    if not valid_sets:
        return _hold_out(train, root, notices, train_sets or sets)
    if not train:
        raise InputError(f"{root} holds no image besides those to validate on")
    source = str(valid_root) if valid_root is not None else ", ".join(str(each.folder) for each in valid_sets)
    return Selection(train, valid, source, None, notices, _lr_files([*(train_sets or sets), *valid_sets]))


def sets_to_train_on(root: Path, left_out: LeftOut) -> tuple[list[ImageSet], list[ImageSet]]:
    """All sets of HR images below a folder, and those of them that are for training.

    Raises:
        InputError: If there is none, or DIV2K's validation images lie among those to train on.
    """
    sets = _sets_with_images(root.absolute(), left_out)
    train_sets = [each for each in sets if each.split in ("train", None)]
    for each in train_sets:
        _refuse_validation_images(each)
    return sets, train_sets


def _shards(shards: list[Path], root: Path, valid_root: Path | None) -> Selection:
    if valid_root is None:
        raise InputError(f"{root} holds shards, which data=folder takes with validation images in data.valid_folder=…")
    left_out, of_valid = LeftOut(str(root)), LeftOut(str(valid_root))
    for path in sorted({*root.iterdir()} - {*shards, root / LIST_NAME}):
        left_out.add(Kind.LOOSE, path.name)
    valid = _files(_sets_with_images(valid_root, of_valid))
    return Selection(shards, valid, str(valid_root), None, [*left_out.notices(), *of_valid.notices()], {})


def _valid_name(found: ImageSet) -> str | None:
    return f"{found.known.title}_valid" if found.known is not None else None


def _left_out(sets: Sequence[ImageSet], train_sets: Sequence[ImageSet], valid_sets: Sequence[ImageSet]) -> list[str]:
    notices = []
    if names := sorted({each.name for each in sets if each.split in ("test", "benchmark")} if train_sets else []):
        notices.append(f"Notice: not trained on: {', '.join(names)}, for benchmarks; give its own folder to do so")
    used = {each.folder for each in valid_sets}
    unused = [each for each in sets if each.split == "valid" and each.folder not in used]
    if names := sorted(str(each.folder) for each in unused if train_sets and used):
        notices.append(f"Notice: not used: {', '.join(names)}, for validation; data.valid_folder is used instead")
    for each in sets:
        if each.unused_hr:
            folders = ", ".join(str(folder) for folder in each.unused_hr)
            notices.append(f"Notice: {folders} not used beside {each.folder}: taken for other versions of its images")
    return notices


def _files(sets: Sequence[ImageSet]) -> list[Path]:
    """All HR files, sorted; those of one set are already, and may be a million."""
    return list(sets[0].files) if len(sets) == 1 else sorted(path for each in sets for path in each.files)


def _sets_with_images(folder: Path, left_out: LeftOut) -> list[ImageSet]:
    sets = [each for each in find_sets(folder, left_out.add) if each.files]
    if not sets:
        list_images(folder)
        raise InputError(f"{folder} holds LR images alone; the HR ones are needed")
    return sets


def _hold_out(files: list[Path], folder: Path, notices: list[str], sets: Sequence[ImageSet]) -> Selection:
    # Cut-outs of one image overlap: none of its others is trained on.
    parts = {path for each in sets if each.sub_images for path in each.files}
    images = list(dict.fromkeys(_original(path, parts) for path in files)) if parts else files
    if len(images) < 2:
        raise InputError(f"{folder} holds a single image; one more is needed for validation")
    chosen = set(images[::10][:10])
    kept = [path for path in files if _original(path, parts) in chosen]
    train = _without(files, kept)
    if not train:
        raise InputError(f"{folder} holds the same image several times; one more is needed for validation")
    valid = list({_original(path, parts): path for path in reversed(kept)}.values())[::-1]
    return Selection(train, valid, _KEPT_BACK, None, notices, _lr_files(sets))


def _original(path: Path, parts: Container[Path]) -> Path:
    """What a cut-out such as ``0001_s002.png`` is of; any other file is its own."""
    return path.with_name(path.stem.rpartition("_s")[0]) if path in parts else path


def _without(files: Iterable[Path], valid: Iterable[Path]) -> list[Path]:
    """Those that are not validated on, by whatever path or link."""
    kept = {_identity(path) for path in valid}
    return [path for path in files if _identity(path) not in kept]


def _identity(path: Path) -> tuple[int, int] | Path:
    """Equal for all paths of a file; a link that leads nowhere is told when it is read."""
    try:
        status = os.stat(path)  # noqa: PTH116 (half the time of Path.stat)
    except OSError:
        return path
    return status.st_dev, status.st_ino


def _lr_files(sets: Sequence[ImageSet]) -> dict[int, dict[Path, Path]]:
    return merged(each.lr_files for each in sets)


def merged(several: Iterable[Mapping[int, Mapping[Path, Path]]]) -> dict[int, dict[Path, Path]]:
    """The LR files of several sets together."""
    files: dict[int, dict[Path, Path]] = {}
    for lr_files in several:
        for scale, pairs in lr_files.items():
            files.setdefault(scale, {}).update(pairs)
    return files
