"""``igconv-sr dashboard``: makes the report, or renews it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from igconv_sr.commands.flags import FlagParser, names, scales
from igconv_sr.errors import InputError
from igconv_sr.system.files import replacing

_LONGEST_TITLE = 128
"""Characters that W&B allows a title."""


def main(arguments: Sequence[str]) -> None:
    """Makes or renews one report, or writes its specification into a file.

    Raises:
        InputError: If wandb-workspaces is missing, or W&B cannot be reached, refuses, or has no such runs.
    """
    options = _parser().parse_args(arguments)
    title = options.title or f"Comparison of {options.group or 'all runs'}"[:_LONGEST_TITLE]
    try:
        from igconv_sr.dashboard.content import report, specification
    except ModuleNotFoundError as error:
        raise InputError(
            f"dashboard needs {error.name} (extra: dashboard); run: pip install wandb-workspaces"
        ) from error
    made = report(options.entity, options.project, title, options.group, options.benchmarks, options.scales)
    if options.dry_run is not None:
        with replacing(options.dry_run) as partial:
            partial.write_text(specification(made))
        print(f"Specification in {options.dry_run}")
        return
    from igconv_sr.dashboard.server import save

    is_new = save(made, options.group)
    print(f"{'Made' if is_new else 'Renewed'} the report {title!r}\nReport at {quote(made.url, safe=':/=')}")


def _parser() -> FlagParser:
    parser = FlagParser(
        "dashboard",
        "Makes a report in a W&B project that compares its runs: validation curves, results on benchmarks, quality "
        "against cost, pictures. The same command renews it; what was changed in it by hand is replaced.",
    )
    parser.add_argument("--entity", type=_part_of_path, required=True, help="W&B account or team that owns the project")
    parser.add_argument("--project", type=_part_of_path, required=True, help="W&B project, such as igconv_sr")
    parser.add_argument("--group", metavar="SWEEP", help="only the runs of this sweep (default: all of the project)")
    parser.add_argument(
        "--benchmarks",
        type=names,
        default=["Set5", "Set14"],
        metavar="NAME,…",
        help="benchmarks that the runs were scored on, by their names in the results; cost is drawn against the first "
        "(default: Set5,Set14)",
    )
    parser.add_argument(
        "--scales", type=scales, default=[2, 3, 4], metavar="R,…", help="scales that the runs have (default: 2,3,4)"
    )
    parser.add_argument(
        "--title", type=_title, help="of the report, which is found again by it (default: of the group)"
    )
    parser.add_argument(
        "--dry-run", type=Path, metavar="FILE.json", help="write the report's specification there; needs no network"
    )
    return parser


def _part_of_path(text: str) -> str:
    if not text.strip() or "/" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no name; in wandb.ai/ENTITY/PROJECT it is one of the two")
    return text


def _title(text: str) -> str:
    if not 1 <= len(text.strip()) <= _LONGEST_TITLE or "/" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no title; it has 1 to {_LONGEST_TITLE} characters and no slash")
    return text
