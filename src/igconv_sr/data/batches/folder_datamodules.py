"""The LightningDataModules of data sets on disk: which files they are is found by :mod:`igconv_sr.data.sources`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from igconv_sr.data.batches.datamodule import MixedScaleData
from igconv_sr.data.batches.mixture import Mixture
from igconv_sr.data.sources.mix import select_mix
from igconv_sr.data.sources.remote import remote_shards
from igconv_sr.data.sources.selection import Selection, select, select_folder
from igconv_sr.data.sources.walk import is_shard, list_images
from igconv_sr.system.left_out import LeftOut


class _SelectedData(MixedScaleData):
    """A data set whose files a selection names, found in ``folder``."""

    folder: Path

    def __init__(self, name: str, selection: Selection, **crops: Any) -> None:
        self.selection = selection
        super().__init__(name, selection.train, selection.valid, lr_files=selection.lr_files, **crops)
        self.valid_name = selection.valid_name or name

    def describe(self) -> str:
        """What is trained and validated on, and notices."""
        return "\n".join((self._first_line(), *self.selection.notices))

    def _first_line(self) -> str:
        train, valid = self.selection.train, self.selection.valid
        kind = "shards" if is_shard(train[0].name) else "images"
        source = self.selection.valid_source
        return (
            f"Data: {self.dataset_name}, {len(train):,} {kind} from {self.folder}, {len(valid)} for validation, "
            f"{source if self.selection.held_out else f'from {source}'}"
        )


class FolderData(_SelectedData):
    """Any folder of images, in any layout: only HR images are trained on.

    Args:
        name: Name of the data set, as it appears in results.
        root: The folder.
        train_folder: Folder of the training images, below ``root``.
        valid_folder: Folder of the validation images, below ``root``; without it those in folders called ``valid`` or
            ``val`` are taken, else every tenth training image, at most ten, is kept for validation.
        crops: Arguments of :class:`MixedScaleData`.

    Raises:
        InputError: If a folder does not exist or holds too few images.
    """

    def __init__(
        self, name: str, root: str, train_folder: str = ".", valid_folder: str | None = None, **crops: Any
    ) -> None:
        self.folder = Path(root).expanduser() / train_folder
        valid = Path(root).expanduser() / valid_folder if valid_folder is not None else None
        super().__init__(name, select_folder(self.folder, valid), **crops)


class RemoteData(MixedScaleData):
    """Shards that stay behind an address: a crop takes one request for the image it is cut from.

    Args:
        name: Name of the data set, as it appears in results.
        root: Address of a folder that holds shards and ``shards.txt``, as ``igconv-sr data shards`` writes them.
        valid_folder: Folder of the validation images, on this machine.
        crops: Arguments of :class:`MixedScaleData`.

    Raises:
        InputError: If the list or the folder does not exist or is empty.
    """

    def __init__(self, name: str, root: str, valid_folder: str, **crops: Any) -> None:
        self.root = root
        folder = Path(valid_folder).expanduser()
        self.left_out = LeftOut(str(folder))
        super().__init__(name, remote_shards(root), list_images(folder, self.left_out.add), **crops)

    def describe(self) -> str:
        """What is trained and validated on, and notices."""
        first = (
            f"Data: {self.dataset_name}, {len(self.train_files):,} shards from {self.root}, "
            f"{len(self.valid_files)} images for validation"
        )
        return "\n".join((first, *self.left_out.notices()))


class PublishedData(_SelectedData):
    """A data set of the field: DIV2K, Flickr2K, DF2K, LSDIR or ImageNet.

    Args:
        name: One of :data:`igconv_sr.data.sources.selection.CHOICES`.
        root: A folder above it, its own, or that of its HR files.
        crops: Arguments of :class:`MixedScaleData`.

    Raises:
        InputError: If it is not found, or if DIV2K's validation images lie among those to train on.
    """

    def __init__(self, name: str, root: str, **crops: Any) -> None:
        self.folder = Path(root).expanduser()
        super().__init__(name, select(name, self.folder), **crops)


class MixData(_SelectedData):
    """Several data sets, each with its share of the patches.

    Args:
        mix: See :func:`igconv_sr.data.sources.mix.select_mix`.
        root: Where sets lie that state no root of their own.
        crops: Arguments of :class:`MixedScaleData`.

    Raises:
        InputError: If an entry is wrong or a set is not found.
    """

    def __init__(self, mix: Mapping[str, Any], root: str | None = None, **crops: Any) -> None:
        sets, selection = select_mix(mix, root)
        super().__init__("+".join(f"{each.name}:{each.weight:g}" for each in sets), selection, **crops)
        names, counts, weights = zip(*((each.name, len(each.files), each.weight) for each in sets), strict=True)
        self.mixture = Mixture(names, counts, weights)
        self.shares = ", ".join(
            f"{name} ({count:,} images, {share:.0%} of the patches)"
            for name, count, share in zip(names, counts, self.mixture.probabilities, strict=True)
        )

    def _first_line(self) -> str:
        return f"Data: {self.shares}; {len(self.valid_files)} images for validation, {self.selection.valid_source}"
