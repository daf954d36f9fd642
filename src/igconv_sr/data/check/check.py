"""``igconv-sr data check``: what lies in folders, what is wrong with it, and what to do."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igconv_sr.commands.flags import FlagParser
from igconv_sr.data.sources.layouts import ImageSet, find_sets
from igconv_sr.errors import InputError
from igconv_sr.system.console import light_table, printable, table_console
from igconv_sr.system.left_out import LeftOut

if TYPE_CHECKING:
    from rich.console import Console

    from igconv_sr.data.check.duplicates import Fingerprint
    from igconv_sr.data.check.findings import Finding, Sizes

_EXAMPLES = 10


def main(arguments: Sequence[str]) -> None:
    """Checks folders; exits with 1 if something is wrong.

    Raises:
        InputError: If a folder does not exist or holds no image.
    """
    options = _parser().parse_args(arguments)
    sets = _sets(options.paths)
    console = table_console()
    findings = _check(sets, options.quick, console)
    for number, finding in enumerate(findings, 1):
        _print_finding(number, finding, console)
    if findings:
        console.print(f"{len(findings)} finding{'s' * (len(findings) > 1)}, each with what to do (→).", highlight=False)
        raise SystemExit(1)
    what = "names and headers" if options.quick else "every file, and no copies"
    console.print(f"Nothing wrong ({what}).", highlight=False)


def _parser() -> FlagParser:
    parser = FlagParser(
        "data check",
        "Finds the data sets below folders and says what is wrong with them: files that are missing or cannot be read, "
        "HR and LR images that do not fit, the same picture twice in a set or in training and benchmark. Give the "
        "folders of training and of benchmarks together to have them compared.",
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="folder of a data set, or of several")
    parser.add_argument(
        "--quick", action="store_true", help="read only the headers of files: no damaged ones, no copies are found"
    )
    return parser


def _sets(paths: Sequence[Path]) -> list[ImageSet]:
    sets: dict[tuple[Path, str], ImageSet] = {}
    for path in paths:
        left_out = LeftOut(str(path))
        found = find_sets(path.expanduser(), left_out.add)
        if not found:
            raise InputError(f"no image below {path}; give the folder of a data set")
        for notice in left_out.notices():
            print(notice)
        sets |= {(each.folder.resolve(), each.name): each for each in found}
    return list(sets.values())


def _check(sets: Sequence[ImageSet], quick: bool, console: "Console") -> list["Finding"]:
    from rich.progress import Progress

    from igconv_sr.data.check.findings import copies, findings_of
    from igconv_sr.data.check.inspection import inspect_all

    files = [_files(each) for each in sets]
    findings: list[Finding] = []
    prints: list[dict[Path, Fingerprint]] = []
    sizes: dict[Path, tuple[int, int]] = {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Reading images", total=sum(map(len, files)))
        for each, paths in zip(sets, files, strict=True):
            read = list(inspect_all(paths, quick, lambda count: progress.advance(task, count)))
            some = list(zip(paths, read, strict=True))
            sizes |= {path: found.size for path, found in some if found.size is not None}
            hr = set(each.files)
            prints.append({path: found.fingerprint for path, found in some if found.fingerprint and path in hr})
            largest = {path: found.largest for path, found in some if found.largest is not None and path in hr}
            findings += findings_of(each, [found.fault for found in read if found.fault], sizes, largest)
    _print_table(sets, sizes, console)
    return [*findings, *copies(sets, prints)]


def _files(found: ImageSet) -> list[Path]:
    """Every file of a set once; LR files that are missing are told of elsewhere."""
    hr = [*found.files, *(path for some in found.own_files.values() for path in some)]
    lr = [path for pairs in found.lr_files.values() for path in pairs.values() if os.path.lexists(path)]
    return list(dict.fromkeys([*hr, *lr, *found.unpaired]))


def _print_table(sets: Sequence[ImageSet], sizes: "Sizes", console: "Console") -> None:
    table = light_table()
    table.add_column("set", overflow="fold")
    table.add_column("split")
    for column in ("images", "smallest", "largest", "LR images"):
        table.add_column(column, justify="right")
    for each in sets:
        known = sorted((sizes[path] for path in each.files if path in sizes), key=lambda size: size[0] * size[1])
        smallest, largest = (f"{known[i][0]}×{known[i][1]}" if known else "–" for i in (0, -1))
        table.add_row(printable(each.name), each.split or "–", _images(each), smallest, largest, _lr(each))
    console.print("Width × height of the smallest and the largest image", style="bold")
    console.print(table)
    for each in sets:
        for folder in (*each.unused_hr, *each.unused_lr):
            line = printable(f"Not used: {folder}, another version of {each.name}")
            console.print(line, soft_wrap=True, highlight=False)


def _images(found: ImageSet) -> str:
    expected = f" of {found.expected:,}" if found.expected not in (None, found.originals) and found.files else ""
    parts = f" in {len(found.files):,} parts" if found.sub_images else ""
    return f"{found.originals:,}{expected}{parts}"


def _lr(found: ImageSet) -> str:
    there = {scale: sum(path.exists() for path in pairs.values()) for scale, pairs in found.lr_files.items()}
    counts = [f"×{scale}:{count:,}" for scale, count in there.items()]
    return " ".join(counts) or (f"{len(found.unpaired):,} alone" if found.unpaired else "–")


def _print_finding(number: int, finding: "Finding", console: "Console") -> None:
    lines = [f"{number}. {finding.what}", *(f"     {example}" for example in finding.examples[:_EXAMPLES])]
    if more := len(finding.examples) - _EXAMPLES:
        lines += [f"     and {more:,} more"] * (more > 0)
    lines.append(f"   → {finding.advice}")
    # Not wrapped, so that a path can be copied.
    console.print("\n".join(map(printable, lines)), soft_wrap=True, highlight=False)
