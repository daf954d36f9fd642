"""``igconv-sr convert``: the authors' released weights to a safetensors file of ours, and back."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from igconv_sr.commands.flags import FlagParser
from igconv_sr.errors import InputError

_SUFFIXES = {"safetensors": ".safetensors", "official": ".pth"}


def main(arguments: Sequence[str]) -> None:
    """Converts one file.

    Raises:
        InputError: If the file is none of the paper's models, or the output exists already.
    """
    options = _parser().parse_args(arguments)
    _check_output(options.output, options.to, options.overwrite)
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.weights.checkpoint import load_with_remark, save_released, save_safetensors

    assume = dict(options.assume) | ({} if options.max_scale is None else {"max_scale": options.max_scale})
    net, card, remark = load_with_remark(options.input, assume)
    print(f"{options.input} holds {remark}")
    save = save_released if options.to == "official" else save_safetensors
    save(net, card, options.output)
    print(f"Wrote {options.output}")


def _check_output(output: Path, layout: str, overwrite: bool) -> None:
    if output.suffix != _SUFFIXES[layout]:
        other = next(
            (f"; --to {name} writes {suffix}" for name, suffix in _SUFFIXES.items() if suffix == output.suffix), ""
        )
        raise InputError(f"{output}: the name must end in {_SUFFIXES[layout]}{other}")
    if output.exists() and not overwrite:
        raise InputError(f"{output} exists already; give another name, or --overwrite")


def _parser() -> FlagParser:
    parser = FlagParser(
        "convert",
        "Recognises released weights of the paper's models by their shapes and writes them as a safetensors file that "
        "says itself what it holds; or the other way round.",
    )
    parser.add_argument("input", type=Path, help="released .pth, or .ckpt or .safetensors of ours")
    parser.add_argument("output", type=Path, help="file to write: .safetensors, or .pth with --to official")
    parser.add_argument(
        "--to", choices=list(_SUFFIXES), default="safetensors", help="layout to write (default: %(default)s)"
    )
    parser.add_argument("--max-scale", type=int, metavar="R", help="largest scale of the training, if it was not 4")
    parser.add_argument(
        "--assume",
        type=_assumption,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another argument that the weights do not show, such as res_scale=1; may be repeated",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    return parser


def _assumption(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        # Not PyYAML alone, to which 1e-1 is a word.
        read: Any = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]))
        return name, read["value"]
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"cannot read {value!r}; lists are [a,b]") from error
