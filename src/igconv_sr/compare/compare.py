"""``igconv-sr compare``: two runs image by image."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igconv_sr.commands import flags

if TYPE_CHECKING:
    from igconv_sr.compare.differences import Difference, RunTable


def main(arguments: Sequence[str]) -> None:
    """Compares two runs.

    Raises:
        InputError: If a table is missing or damaged, or the two do not fit each other.
    """
    options = _parser().parse_args(arguments)
    folder = flags.output_folder("compare", options.output)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.compare.differences import Difference, differences, left_out, measures, pair_images, read_run
    from igconv_sr.runs.files import write_csv

    a, b = read_run(options.run_a), read_run(options.run_b)
    pairs = pair_images(a, b)
    rows = differences(pairs, a.protocol)
    table = folder / "compare.csv"
    write_csv(table, Difference._fields, rows)
    _print(a, b, rows)
    for line in left_out(a, b):
        print(f"Left out: {line}")
    print(f"Differences {table}", flush=True)
    if options.images:
        from igconv_sr.compare.largest_differences import save_largest_differences

        picture = folder / "compare.png"
        save_largest_differences(a, b, pairs, measures(pairs)[0], options.images, picture)
        print(f"Images      {picture}")
    print(f"Results in {folder}")


def _print(a: "RunTable", b: "RunTable", rows: Sequence["Difference"]) -> None:
    from igconv_sr.evaluation.printed_tables import print_table

    cells = [
        [
            row.benchmark,
            str(row.images),
            f"×{row.scale:g}",
            row.measure,
            f"{row.mean_a:.4f}",
            f"{row.mean_b:.4f}",
            f"{row.difference:+.4f}",
            "one image" if row.low is None or row.high is None else f"{row.low:+.4f} … {row.high:+.4f}",
        ]
        for row in rows
    ]
    print(f"A: {a.title} ({a.path})\nB: {b.title} ({b.path})")
    headings = ["benchmark", "images", "scale", "measure", "A", "B", "B - A", "95 % interval"]
    print_table(f"Means over images, protocol {a.protocol}", headings, cells)


def _parser() -> flags.FlagParser:
    parser = flags.FlagParser(
        "compare",
        "Compares two runs image by image: the mean difference B - A per benchmark, scale and measure with a 95 % "
        "interval (paired percentile bootstrap, 10,000 resamples, the same in every call), and a picture of the images "
        "on which the two differ most, which their models compute again.",
    )
    parser.add_argument("run_a", type=Path, metavar="RUN_A", help="folder of a run, or its results_per_image.csv")
    parser.add_argument("run_b", type=Path, metavar="RUN_B", help="the other")
    parser.add_argument(
        "--images", type=_count, default=3, metavar="N", help="images in the picture, 0 for none (default: %(default)s)"
    )
    parser.add_output()
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)
