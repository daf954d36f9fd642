"""``igconv-sr data prepare``: a published data set from its host to folders of images and a store of decoded pixels."""

import argparse
import contextlib
import errno
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from omegaconf import OmegaConf

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.flags import FlagParser
from igconv_sr.commands.launch import exit_with
from igconv_sr.data.prepare.catalogue import DataSet, load_catalogue, our_titles
from igconv_sr.errors import InputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str]) -> None:
    """Prepares one set.

    Raises:
        InputError: If an archive cannot be had or is not what it should be, a folder holds another number of images
            than it should, or the disk is full.
    """
    options = _parser().parse_args(arguments)
    catalogue = load_catalogue(options.catalogue)
    dataset = catalogue.find(options.set)
    root = options.root.expanduser()
    cache = options.cache.expanduser() if options.cache else default_cache()
    folders = {name: folder for name, folder in dataset.folders.items() if options.with_lr or not folder.lr}
    given = _given(options.archive, dataset)
    # Not before the flags are known to be right: these take longer to import than all else here.
    from igconv_sr.data.images.store import build_store
    from igconv_sr.data.prepare.preparation import Preparation, count_images
    from igconv_sr.data.sources.walk import list_images

    try:
        with _telling_a_full_disk(root):
            Preparation(root, folders, catalogue.archives, given, options.keep_archives).run()
        for name, folder in folders.items():
            if folder.store:
                print(f"Decoding {root / name} into {cache}, unless it is there already", flush=True)
                with _telling_a_full_disk(cache):
                    build_store(list_images(root / name), cache)
    except KeyboardInterrupt:
        exit_with("interrupted; the same command goes on from here", status=130)
    print(f"\n{dataset.title}\n")
    for name, folder in folders.items():
        print(f"  {count_images(root / name):>7,} images  {root / name}{'  (decoded)' if folder.store else ''}")
    print(f"\nNext: {_next_command(dataset, root)}")


def default_cache() -> Path:
    """The folder of decoded images that trainings use unless told otherwise."""
    paths = OmegaConf.load(CONFIG_FOLDER / "paths" / "train.yaml")
    return Path(cast(str, paths.cache_dir)).expanduser()


def _given(paths: Sequence[Path], dataset: DataSet) -> dict[str, Path]:
    known = {archive for folder in dataset.folders.values() for archive in folder.archives}
    for path in paths:
        if path.name not in known:
            raise InputError(
                f"--archive {path}: the archives of this set are {', '.join(sorted(known))}; rename the file"
            )
        if not path.is_file():
            raise InputError(f"--archive {path}: there is no such file")
    return {path.name: path for path in paths}


@contextlib.contextmanager
def _telling_a_full_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise InputError(
            f"{folder}: {os.strerror(error.errno)}; make room and repeat the command, it goes on where it stopped"
        ) from error


def _next_command(dataset: DataSet, root: Path) -> str:
    """What to run on the set: a training on the folders that are in the store, or an evaluation."""
    trained_on = [name for name, folder in dataset.folders.items() if folder.store]
    if not trained_on:
        tops = dict.fromkeys(name.split("/")[0] for name in dataset.folders)
        benchmarks = ",".join(str((root / top).absolute()) for top in tops)
        return f"make evaluate model=bicubic {shlex.quote(f'benchmarks=[{benchmarks}]')}"
    if dataset.data is None:
        folder = shlex.quote(f"data.root={(root / trained_on[0]).absolute()}")
        return f"make train data=folder {folder} recipe=paper"
    return f"make train data={dataset.data} {shlex.quote(f'data.root={root.absolute()}')} recipe=paper"


def _parser() -> FlagParser:
    parser = FlagParser(
        "data prepare",
        "Downloads a data set, unpacks it and decodes its training images for fast reading. It may be\n"
        "interrupted at any moment: the same command goes on from there. Folders and archives that are\n"
        "in DIR already are used.",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "sets:\n" + "\n".join(f"  {name:<12}{title}" for name, title in our_titles().items())
    parser.add_argument("set", metavar="SET", help="one of the sets below")
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="where its folders are made")
    parser.add_argument(
        "--archive",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="an archive that you have already, under its own name; may be repeated",
    )
    parser.add_argument("--keep-archives", action="store_true", help="keep downloaded archives, in DIR")
    parser.add_argument("--with-lr", action="store_true", help="the publisher's bicubic LR images too")
    parser.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="YAML merged over our list of addresses: mirrors, your own sets"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="where decoded images go (default: as trainings, paths.cache_dir)"
    )
    return parser
