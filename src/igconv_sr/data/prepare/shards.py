"""``igconv-sr data shards``: packs a folder of images into shards."""

import io
import shlex
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from igconv_sr.commands.flags import FlagParser, whole
from igconv_sr.data.sources.selection import sets_to_train_on
from igconv_sr.data.sources.walk import LIST_NAME, SHARD_SUFFIX, list_images
from igconv_sr.errors import InputError
from igconv_sr.system.left_out import LeftOut


def main(arguments: Sequence[str]) -> None:
    """Writes the shards and says how to train on them.

    Raises:
        InputError: If there is no image, or the output exists already.
    """
    options = _parser().parse_args(arguments)
    if options.output.exists() and (not options.output.is_dir() or any(options.output.iterdir())):
        raise InputError(f"{options.output} exists already and is not empty; choose another folder, or remove it")
    files, notices = _select(options.source)
    output = options.output.resolve()  # what a link or a dot means
    partial = output.with_name(f"{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of an attempt that was killed
    try:
        shards = write_shards(files, options.source.absolute(), partial, options.shard_size * 2**20)
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for notice in notices:
        print(notice)
    print(f"Wrote {len(files):,} images into {len(shards):,} shards in {options.output}")
    root = shlex.quote(f"data.root={options.output}")
    print(f"Train: make train data=folder data.storage=encoded {root} data.valid_folder=…")
    print(
        "From another machine: upload the folder, then make train data=remote data.root=https://… data.valid_folder=…"
    )


def _select(root: Path) -> tuple[list[Path], list[str]]:
    """The images that ``data=folder`` trains on or keeps back from them, and what is not among them, a line each."""
    left_out = LeftOut(str(root))
    sets, train_sets = sets_to_train_on(root, left_out)
    files, notices = sorted(path for each in train_sets or sets for path in each.files), left_out.notices()
    if count := len(list_images(root)) - len(files):
        kinds = "LR images, or of validation, benchmarks or another version"
        notices.append(f"Notice: {count:,} of the images are not packed: {kinds} (igconv-sr data check lists them)")
    return files, notices


def write_shards(files: Sequence[Path], root: Path, folder: Path, shard_bytes: int = 2**30) -> list[Path]:
    """Writes image files as they are into shards, and the shards' names into a list for reading them from afar.

    The same files give the same bytes.

    Args:
        files: The image files, in the order of the shards.
        root: Folder that names inside the shards are relative to.
        folder: Where the shards go; made if needed.
        shard_bytes: A shard holds whole files and no more than this, unless it is a single file.

    Returns:
        The shards.

    Raises:
        InputError: If a file does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[Path] = []
    for group in _groups(files, shard_bytes):
        path = folder / f"{len(shards):06}{SHARD_SUFFIX}"
        with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
            for file in group:
                content = file.read_bytes()
                entry = tarfile.TarInfo(file.relative_to(root).as_posix())
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        shards.append(path)
    (folder / LIST_NAME).write_text("".join(f"{path.name}\n" for path in shards))
    return shards


def _groups(files: Sequence[Path], limit: int) -> Iterator[list[Path]]:
    group: list[Path] = []
    held = 0
    for path in files:
        try:
            size = path.stat().st_size
        except FileNotFoundError as error:
            raise InputError(f"{path} does not exist") from error
        if group and held + size > limit:
            yield group
            group, held = [], 0
        group.append(path)
        held += size
    if group:
        yield group


def _parser() -> FlagParser:
    parser = FlagParser(
        "data shards",
        "Packs image files as they are into uncompressed tar files, which slow and remote file systems read faster "
        "than millions of files.",
    )
    parser.add_argument("source", type=Path, help="folder of images")
    parser.add_argument("output", type=Path, help="folder for the shards")
    parser.add_argument(
        "--shard-size", type=whole, default=1024, metavar="MIB", help="largest size of a shard (default: %(default)s)"
    )
    return parser
