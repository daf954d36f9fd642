"""Finds the data sets below a folder and pairs their HR and LR files, by names alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from igconv_sr.data.sources.known import KnownSet, Split, is_split, known_set, split_of
from igconv_sr.data.sources.pairing import HRFiles, LRFiles, pair, scale_of_name
from igconv_sr.data.sources.places import Place, has_role, is_hr, place
from igconv_sr.data.sources.walk import Neighbours, no_matter, walk
from igconv_sr.errors import InputError
from igconv_sr.system.left_out import Kind, Tell

_PREFERRED_HR = ("HR", "hr", "GTmod12", "GT", "gt", "plain", "original")
"""HR folders; of several versions the first is used, as LR files of BasicSR's layout belong to GTmod12."""


@dataclass(frozen=True)
class ImageSet:
    """One split of a data set, or a benchmark.

    Attributes:
        name: Its folder's name, without what says HR or LR.
        split: What it is for, where its path says so.
        known: The published data set that its path names.
        folder: The folder of its HR files, or of its LR files where it has no others.
        files: HR files, sorted by path.
        own_files: HR files that are meant for one scale, as in ``HR/Set5/x2``; ``files`` are those of the smallest
            scale where there are no others.
        lr_files: Per scale the LR file of every HR file, whether it exists or not.
        unpaired: LR files of ``lr_files``'s folders without an HR file.
        unused_hr: Folders of further HR versions.
        unused_lr: Folders of further LR versions: of reductions that are not bicubic, or at a scale not told.
        sub_images: Whether they are cut-outs of larger images, ``0001_s001.png``.
    """

    name: str
    split: Split | None
    known: KnownSet | None
    folder: Path
    files: tuple[Path, ...]
    own_files: Mapping[int, tuple[Path, ...]] = field(default_factory=dict)
    lr_files: Mapping[int, Mapping[Path, Path]] = field(default_factory=dict)
    unpaired: tuple[Path, ...] = ()
    unused_hr: tuple[Path, ...] = ()
    unused_lr: tuple[Path, ...] = ()
    sub_images: bool = False

    @property
    def originals(self) -> int:
        """Number of images; sub-images of one image count once."""
        if not self.sub_images:
            return len(self.files)
        return len({path.stem.rpartition("_s")[0] for path in self.files})

    @property
    def expected(self) -> int | None:
        """Number of images as published."""
        return self.known.counts.get(self.split) if self.known and self.split else None

    def below(self, folder: Path) -> "ImageSet":
        """The part whose HR files lie below a folder."""
        files = _below(self.files, folder)
        own = {scale: kept for scale, some in self.own_files.items() if (kept := _below(some, folder))}
        every = {*files, *(path for some in own.values() for path in some)}
        lr = {scale: {hr: path for hr, path in pairs.items() if hr in every} for scale, pairs in self.lr_files.items()}
        lr = {scale: pairs for scale, pairs in lr.items() if pairs}
        return replace(self, files=files or next(iter(own.values()), ()), own_files=own, lr_files=lr, unpaired=())


def find_sets(root: Path, left_out: Tell = no_matter) -> list[ImageSet]:
    """The sets below a folder; it may also be a set's folder of HR files, whose LR files then lie beside it.

    Images whose folders' names say nothing form one set per folder that names a known data set or a split, and
    otherwise one set all together, as in a tree of one folder per class.

    Args:
        root: The folder.
        left_out: Is told of all files below it that are no images.

    Raises:
        InputError: If ``root`` is not a folder.
    """
    start = _beginning(root)
    sets = find_sets_around(root, left_out)
    if start == root:
        return sets
    parts = [each.below(root) for each in sets]
    return [each for each in parts if each.files]


def find_sets_around(root: Path, left_out: Tell = no_matter) -> list[ImageSet]:
    """As :func:`find_sets`, with what lies beside ``root`` where that is a folder of HR files.

    Args:
        root: The folder.
        left_out: Is told of all files below it that are no images.

    Raises:
        InputError: If ``root`` is not a folder.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; give a folder of images")
    start = _beginning(root)

    def enter(parts: tuple[str, ...]) -> bool:
        return start == root or len(parts) > 1 or has_role(parts[0])

    before = "" if start == root else f"{root.absolute().relative_to(start.absolute()).as_posix()}/"

    def tell(kind: Kind, name: str) -> None:
        if name.startswith(before):
            left_out(kind, name.removeprefix(before))

    located = [_Located(run, place(run.parts)) for run in walk(start, enter, tell)]
    by_key: dict[tuple[str, ...], list[_Located]] = defaultdict(list)
    with_roles = {each.place.key for each in located if each.place.role != "plain"}
    for each in located:
        # Images directly in the folder of a set are its HR files; those in another folder there are another set.
        beside = each.place.role == "plain" and {each.run.parts, each.place.key} & with_roles
        key = each.run.parts if beside else each.place.key
        by_key[key].append(each)
    context = _context(start)
    return [_image_set(key, context, start, some) for key, some in sorted(by_key.items())]


class _Located(NamedTuple):
    run: Neighbours
    place: Place


def _beginning(root: Path) -> Path:
    """The folder to look in: above a folder of HR files, for LR files lie beside it."""
    absolute = root.absolute()
    if is_hr(absolute.name):
        return absolute.parent
    # RCAN's HR/Set5/x2 and LR/LRBI/Set5/x2.
    return next((inner.parent for inner in absolute.parents[:2] if is_hr(inner.name) and _lr_lies_beside(inner)), root)


def _lr_lies_beside(folder: Path) -> bool:
    return any(has_role(each.name) and not is_hr(each.name) and each.is_dir() for each in folder.parent.iterdir())


def _context(start: Path) -> tuple[str, ...]:
    """The folders above that say which set it is: its own name, and the one before a mere ``train``."""
    parts = start.absolute().parts if start.name not in ("", "..") else start.resolve().parts
    return parts[-2:] if is_split(parts[-1]) and known_set(parts[-2:]) else parts[-1:]


def _image_set(key: tuple[str, ...], context: tuple[str, ...], start: Path, located: Sequence[_Located]) -> ImageSet:
    inner = tuple(part for part in key if part != "_sub")
    names = (*context, *inner)
    known = known_set(names)
    # The name of just any folder above says nothing: a set in "test_2" is no test set.
    telling = names if known_set(context) or is_split(context[-1]) else inner
    files, own_files, unused_hr = _hr_files([each for each in located if each.place.role != "lr"], start)
    lr, unused_lr = _lr_files([each for each in located if each.place.role == "lr"])
    pairs = {scale: pair(own_files.get(scale, files), lr[scale], scale) for scale in sorted(lr)} if files.paths else {}
    unpaired = [path for scale in lr for path in (pairs[scale].unpaired if pairs else lr[scale].paths())]
    first = next((each for each in located if each.place.role != "lr"), located[0])
    return ImageSet(
        name=next((part for part in reversed(names) if not is_split(part)), names[-1]),
        split=split_of(telling, known),
        known=known,
        folder=files.base if files.paths else start.joinpath(*first.place.base),
        files=files.paths,
        own_files={scale: own.paths for scale, own in own_files.items()},
        lr_files={scale: pairing.files for scale, pairing in pairs.items()},
        unpaired=tuple(unpaired),
        unused_hr=tuple(start.joinpath(*base) for base in unused_hr),
        unused_lr=tuple(start.joinpath(*base) for base in unused_lr),
        sub_images="_sub" in key,
    )


_Bases = list[tuple[str, ...]]


def _hr_files(located: Sequence[_Located], start: Path) -> tuple[HRFiles, dict[int, HRFiles], _Bases]:
    """HR files for every scale, those for one scale alone, and the folders of further versions."""
    versions: dict[tuple[str, ...], list[_Located]] = defaultdict(list)
    for each in located:
        versions[each.place.base].append(each)
    files = {
        base: HRFiles(start.joinpath(*base), tuple(path for each in some for path in each.run.paths()))
        for base, some in versions.items()
    }
    bases = sorted(versions, key=lambda base: _preference(versions[base][0].place))
    own = {scale: base for base in reversed(bases) if (scale := versions[base][0].place.scale) is not None}
    common = next((base for base in bases if base not in own.values()), None)
    own_files = {scale: files[base] for scale, base in sorted(own.items())}
    every_scale = files[common] if common is not None else next(iter(own_files.values()), HRFiles(start, ()))
    return every_scale, own_files, [base for base in bases if base != common and base not in own.values()]


def _preference(hr: Place) -> tuple[int, tuple[str, ...]]:
    order = _PREFERRED_HR.index(hr.kind) if hr.kind in _PREFERRED_HR else len(_PREFERRED_HR)
    return order, hr.base


def _lr_files(located: Sequence[_Located]) -> tuple[dict[int, LRFiles], _Bases]:
    """The LR files, per scale, of the folder that holds most of them, and the folders that are not used."""
    versions: dict[tuple[int, tuple[str, ...]], LRFiles] = defaultdict(LRFiles)
    unused = []
    for run, where in located:
        by_scale: dict[int | None, list[str]] = defaultdict(list)
        for name in run.names:
            by_scale[where.scale or scale_of_name(name)].append(name)
        for scale, names in by_scale.items():
            if scale is None or where.kind != "bicubic":
                unused.append(where.base)
            else:
                versions[scale, where.base].add(run._replace(names=names), where.rest)
    chosen: dict[int, tuple[str, ...]] = {}
    for scale, base in sorted(versions, key=lambda version: (-len(versions[version]), version)):
        if chosen.setdefault(scale, base) != base:
            unused.append(base)
    return {scale: versions[scale, base] for scale, base in chosen.items()}, sorted(set(unused))


def _below(files: Iterable[Path], folder: Path) -> tuple[Path, ...]:
    inside = str(folder.absolute())
    return tuple(path for path in files if str(path).startswith(f"{inside}/"))
