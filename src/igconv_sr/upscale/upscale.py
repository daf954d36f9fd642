"""``igconv-sr upscale``: picture files to larger picture files."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import NoReturn

from igconv_sr.commands.flags import FlagParser
from igconv_sr.errors import InputError
from igconv_sr.inference.enlargement import Enlargement
from igconv_sr.scale import parse_scale
from igconv_sr.upscale.planning import FORMATS, plan
from igconv_sr.weights.packaged import default_weights, find_weights

_SCALE = Fraction(2)


def main(arguments: Sequence[str]) -> None:
    """Enlarges the pictures.

    Raises:
        InputError: If weights, output or device are wrong; what is wrong with single pictures is told at the end.
        SystemExit: With 1 if a picture failed; with 143 on SIGTERM.
    """
    options = _parser().parse_args(arguments)
    sized = options.width is not None or options.height is not None
    enlargement = Enlargement(options.scale if options.scale or sized else _SCALE, options.width, options.height)
    named = None if options.weights is None else find_weights(options.weights)
    jobs, notices = plan(options.inputs, options.output, enlargement.mark, options.format)
    there = {job for job in jobs if options.skip_existing and job.target is not None and job.target.exists()}
    jobs = [job for job in jobs if job not in there]
    if there:
        notices.append(f"{len(there)} of the results are there already and are left as they are")
    if not jobs:
        print("\n".join(notices))
        return
    to_stdout = any(job.target is None for job in jobs)
    _check_streams(any(job.source is None for job in jobs), to_stdout)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.inference.device import choose_device
    from igconv_sr.inference.upscaler import Upscaler
    from igconv_sr.system.console import quieten
    from igconv_sr.upscale.batch import BatchUpscaling
    from igconv_sr.upscale.messages import Messages
    from igconv_sr.weights.checkpoint import load

    quieten()
    device = choose_device(options.device)
    default = default_weights(device.type)
    net = load(named or default.path)
    with _ended_as_by_ctrl_c(), Messages(len(jobs), to_stdout) as messages:
        if named is None:
            messages.say(default.remark)
        for notice in notices:
            messages.say(notice)
        upscaler = Upscaler(
            net,
            device,
            options.tile,
            options.ensemble,
            options.precision == "half",
            messages.say,
            options.alpha == "bicubic",
            "xy" if options.wrap == "both" else options.wrap or "",
        )
        BatchUpscaling(upscaler, enlargement, messages, options.overwrite).run(jobs)
    messages.summary()
    if messages.failures:
        raise SystemExit(1)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Makes SIGTERM leave no half of a picture; what nobody handles would end the program at once."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _check_streams(from_stdin: bool, to_stdout: bool) -> None:
    # Python has none where the caller has closed it.
    if from_stdin and sys.stdin is None:
        raise InputError("- is standard input, which is closed; give a file, or redirect it")
    if to_stdout and sys.stdout is None:
        raise InputError("the picture would go to standard output, which is closed; give -o FILE")
    if to_stdout and sys.stdout.isatty():
        raise InputError("the picture would go to this terminal; give -o FILE, or redirect standard output")


def _parser() -> FlagParser:
    parser = FlagParser(
        "upscale",
        "Enlarges pictures by a model. Transparency is enlarged too, gray stays gray, 16 bits stay 16 "
        "bits (png), colour profiles and EXIF are kept; the EXIF orientation is applied.",
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="IN", help="files, folders (without their subfolders), 'patterns/**/*.jpg', or -"
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        help="folder, a file for a single picture, or - (default: NAME_x2.png beside each input; - gives -)",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--scale", type=_scale, metavar="R", help="3, 2.5 or 22/7 (default: 2)")
    size.add_argument("--width", type=_pixels, metavar="PIXELS", help="of the result; the height follows")
    size.add_argument("--height", type=_pixels, metavar="PIXELS", help="of the result; the width follows")
    parser.add_model()
    parser.add_argument(
        "--precision", choices=("single", "half"), default="single", help="half is faster where the device has it"
    )
    parser.add_argument(
        "--tile",
        type=_tile,
        default=None,
        metavar="auto|N",
        help="compute in squares of N input pixels (default: auto, from the free memory)",
    )
    parser.add_argument("--ensemble", action="store_true", help="average over flips and turns: 8 times the time")
    parser.add_argument("--format", choices=FORMATS, help="of the results (default: png)")
    parser.add_argument(
        "--alpha", choices=("model", "bicubic"), default="model", help="what enlarges transparency (default: model)"
    )
    parser.add_argument(
        "--wrap", choices=("x", "y", "both"), help="opposite borders meet: textures stay seamless along these axes"
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files that exist")
    existing.add_argument("--skip-existing", action="store_true", help="leave out pictures whose result exists")
    return parser


def _scale(text: str) -> object:
    try:
        return parse_scale(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _pixels(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels")
    return int(text)


def _tile(text: str) -> int | None:
    return None if text == "auto" else _pixels(text)
