"""The catalogue: which archives make up which data set, and what their folders must hold."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import cast

import yaml
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from igconv_sr.errors import InputError, did_you_mean

OURS = Path(__file__).with_name("catalogue.yaml")
"""Says at its top what each key means."""


@dataclass
class Archive:
    """A file to download.

    Attributes:
        url: http or https.
        size: In bytes, if published.
        checksum: ``sha256:…`` or ``md5:…``, if published.
        account: What has to be done before the host hands it out.
        token: Environment variable that holds an access token for the host.
    """

    url: str = MISSING
    size: int | None = None
    checksum: str | None = None
    account: str | None = None
    token: str | None = None


@dataclass
class Folder:
    """A folder of images to make.

    Attributes:
        archives: Names of the archives that hold its images.
        inside: The folder within them; None: the folder's own name.
        images: How many there must be, if that is certain.
        lr: Whether it holds LR images, which are prepared on demand only.
        store: Whether trainings read it, so that it belongs into the store.
    """

    archives: list[str] = MISSING
    inside: str | None = None
    images: int | None = None
    lr: bool = False
    store: bool = False


@dataclass
class DataSet:
    """What one call prepares.

    Attributes:
        title: One line.
        folders: Folder below the root -> what it holds.
        parts: Other sets whose folders belong to it.
        data: The choice of the config group ``data`` that trains on it.
    """

    title: str = MISSING
    folders: dict[str, Folder] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    data: str | None = None


@dataclass
class Catalogue:
    """All archives by file name, all sets by name."""

    archives: dict[str, Archive] = field(default_factory=dict)
    sets: dict[str, DataSet] = field(default_factory=dict)

    def find(self, name: str) -> DataSet:
        """The set of this name, with the folders of its parts.

        Raises:
            InputError: If there is none.
        """
        if name not in self.sets:
            known = ", ".join(self.sets)
            raise InputError(f"there is no data set {name!r}{did_you_mean(name, self.sets)}; the catalogue has {known}")
        dataset = self.sets[name]
        folders = dict(dataset.folders)
        for part in dataset.parts:
            folders |= self.find(part).folders
        return DataSet(dataset.title, folders, [], dataset.data)


def our_titles() -> dict[str, str]:
    """Our sets and their titles, without the time that checking the whole catalogue takes: for a help text."""
    return {name: dataset["title"] for name, dataset in yaml.safe_load(OURS.read_text())["sets"].items()}


def load_catalogue(theirs: Path | None = None) -> Catalogue:
    """Our catalogue with the user's merged over it, key by key.

    Raises:
        InputError: If a file cannot be read, or holds an unknown key or a value of the wrong kind.
    """
    merged = OmegaConf.structured(Catalogue)
    for path in (OURS,) if theirs is None else (OURS, theirs):
        try:
            merged = OmegaConf.merge(merged, yaml.safe_load(path.read_text()) or {})
        except OSError as error:
            raise InputError(f"cannot read the catalogue {path}: {error.strerror}") from error
        except (OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
            raise _unreadable(path, error) from error
    try:
        catalogue = cast(Catalogue, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        raise _unreadable(theirs or OURS, error) from error
    _check(catalogue, theirs or OURS)
    return catalogue


def _unreadable(path: Path, error: Exception) -> InputError:
    if isinstance(error, OmegaConfBaseException):
        key = f", {error.full_key}" if error.full_key else ""
        return InputError(f"catalogue {path}{key}: {str(error).splitlines()[0]}")
    return InputError(f"catalogue {path}: {' '.join(str(error).split())}")


def _check(catalogue: Catalogue, path: Path) -> None:
    for name, archive in catalogue.archives.items():
        where = f"catalogue {path}, archives.{name}"
        if PurePosixPath(name).name != name:
            raise InputError(f"{where}: the name must be that of a file, without folders")
        if not archive.url.startswith(("http://", "https://")):
            raise InputError(f"{where}: url must begin with http:// or https://, got {archive.url!r}")
        if archive.checksum is not None and not archive.checksum.startswith(("sha256:", "md5:")):
            raise InputError(f"{where}: checksum must be sha256:… or md5:…, got {archive.checksum!r}")
    for name, dataset in catalogue.sets.items():
        _check_set(catalogue, dataset, f"catalogue {path}, sets.{name}")


def _check_set(catalogue: Catalogue, dataset: DataSet, where: str) -> None:
    for part in dataset.parts:
        if part not in catalogue.sets or catalogue.sets[part].parts:
            raise InputError(f"{where}: part {part!r} must be a set that has no parts itself")
    for name, folder in dataset.folders.items():
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or parts[0].startswith("."):
            raise InputError(f"{where}: the folder {name!r} must lie below the root")
        if not folder.archives:
            raise InputError(f"{where}: folder {name!r} names no archive")
        for archive in folder.archives:
            if archive not in catalogue.archives:
                raise InputError(f"{where}: {archive!r} is not among the archives")
