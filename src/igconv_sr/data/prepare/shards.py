"""``igconv-sr data shards``: packs a folder of images into shards."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from igconv_sr.commands.flags import FlagParser
from igconv_sr.data.sources.walk import list_images
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
    left_out = LeftOut(str(options.source))
    files = list_images(options.source, left_out.add)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.data.images.tar_shards import write_shards

    partial = options.output.with_name(f"{options.output.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)  # of an attempt that was killed
    shards = write_shards(files, options.source, partial, options.shard_size * 2**20)
    partial.rename(options.output)
    for notice in left_out.notices():
        print(notice)
    print(f"Wrote {len(files):,} images into {len(shards):,} shards in {options.output}")
    print(f"Train: make train data=folder data.storage=encoded data.root={options.output} data.valid_folder=…")
    print(
        "From another machine: upload the folder, then make train data=remote data.root=https://… data.valid_folder=…"
    )


def _parser() -> FlagParser:
    parser = FlagParser(
        "data shards",
        "Packs image files as they are into uncompressed tar files, which slow and remote file systems read faster "
        "than millions of files.",
    )
    parser.add_argument("source", type=Path, help="folder of images")
    parser.add_argument("output", type=Path, help="folder for the shards")
    parser.add_argument(
        "--shard-size", type=int, default=1024, metavar="MIB", help="largest size of a shard (default: %(default)s)"
    )
    return parser
