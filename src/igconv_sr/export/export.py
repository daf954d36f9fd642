"""``igconv-sr export``: a model as a file for other programs."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from igconv_sr.commands.flags import MODEL_FILES, FlagParser
from igconv_sr.errors import InputError
from igconv_sr.weights.packaged import default_weights, default_words

if TYPE_CHECKING:
    from igconv_sr.network import SRNet
    from igconv_sr.weights.card import ModelCard

FORMATS = ("onnx", "pt2", "safetensors", "spandrel")


def main(arguments: Sequence[str]) -> None:
    """Exports one model.

    Raises:
        InputError: If the model cannot be expressed in the format, a file exists already, or a package is missing.
    """
    options = _parser().parse_args(arguments)
    if options.one_file and options.format != "onnx":
        raise InputError("--one-file holds several scales in one ONNX file; it needs --format onnx")
    if options.weights is None:
        options.weights = _default_weights()
    targets = _targets(options)
    for path in targets.values():
        if path.exists() and not options.overwrite:
            raise InputError(f"{path} exists already; give another folder with -o, or --overwrite")
    # Not before the flags are known to be right: torch takes seconds.
    from igconv_sr.weights.checkpoint import load_with_remark

    net, card, _ = load_with_remark(options.weights, weights_of=options.weights_of)
    _EXPORTS[options.format](net, card, targets)


def _default_weights() -> Path:
    """Those that ``igconv-sr upscale`` takes on this machine."""
    from igconv_sr.inference.device import choose_device

    default = default_weights(choose_device("auto").type)
    print(default.remark)
    return default.path


def _targets(options: argparse.Namespace) -> dict[str, Path]:
    """Files to write, by scale, or by all scales in one."""
    name = options.weights.stem
    if options.format == "safetensors":
        return {"": options.output / f"{name}.safetensors"}
    suffix = {"spandrel": "_spandrel.safetensors"}.get(options.format, f".{options.format}")
    if options.one_file:
        joined = ",".join(map(str, options.scales))
        return {joined: options.output / f"{name}_{''.join(f'x{scale}' for scale in options.scales)}{suffix}"}
    return {str(scale): options.output / f"{name}_x{scale}{suffix}" for scale in options.scales}


def _export_onnx(net: "SRNet", card: "ModelCard", targets: dict[str, Path]) -> None:
    try:
        from igconv_sr.export import onnx_file
    except ModuleNotFoundError as error:
        raise InputError(f"--format onnx needs {error.name}; run: pip install onnx onnxscript onnxruntime") from error
    from igconv_sr.export.program import trace

    scales = [int(scale) for key in targets for scale in key.split(",")]
    folded = net.fold(scales)
    programs = {scale: trace(folded, scale) for scale in scales}
    single = {scale: onnx_file.at_one_scale(folded, program, scale) for scale, program in programs.items()}
    first = next(iter(programs.values()))
    multiple = 1 if first.padded_by_network else first.multiple
    models, differences = {}, {}
    for key in targets:
        own = [int(scale) for scale in key.split(",")]
        models[key] = single[own[0]] if len(own) == 1 else onnx_file.at_several_scales({s: single[s] for s in own})
        differences[key] = max(onnx_file.difference_in_onnxruntime(models[key], folded, s, multiple) for s in own)
    for key, path in targets.items():
        metadata = {"model": f"{card.model} + {card.upsampler_name}", "scales": key, "size_multiple": str(multiple)}
        onnx_file.save_onnx(models[key], metadata, path)
        more = f" and {onnx_file.SCALE} (a whole number: {key})" if "," in key else ""
        _say(path, f"lr (batch, 3, height, width), RGB in [0,1]{more}; sr is not clamped", multiple)
        print(f"  differs from PyTorch by at most {differences[key]:.1e} in onnxruntime, at three sizes")


def _export_pt2(net: "SRNet", card: "ModelCard", targets: dict[str, Path]) -> None:
    from igconv_sr.export.program import save_program, trace

    folded = net.fold([int(scale) for scale in targets])
    for scale, path in targets.items():
        program = trace(folded, int(scale))
        least = save_program(program, path)
        _say(path, f"{card.model} at ×{scale}: torch.export.load(path).module()(lr)", program.multiple, least)
        print(f"  differs from the network by at most {program.difference:.1e}, at three sizes")


def _export_safetensors(net: "SRNet", card: "ModelCard", targets: dict[str, Path]) -> None:
    from igconv_sr.weights.checkpoint import save_safetensors

    for path in targets.values():
        save_safetensors(net, card, path)
        _say(path, "all scales: igconv_sr.load(path)", 1)


def _export_spandrel(net: "SRNet", card: "ModelCard", targets: dict[str, Path]) -> None:
    from igconv_sr.export.spandrel_file import save_spandrel, spandrel_weights

    for scale, path in targets.items():
        save_spandrel(spandrel_weights(net, card, int(scale)), path)
        _say(path, f"{card.model} at ×{scale}, for chaiNNer, ComfyUI and whatever else reads by spandrel", 1)


_EXPORTS: dict[str, Callable[["SRNet", "ModelCard", dict[str, Path]], None]] = {
    "onnx": _export_onnx,
    "pt2": _export_pt2,
    "safetensors": _export_safetensors,
    "spandrel": _export_spandrel,
}


def _say(path: Path, meaning: str, multiple: int, least: int = 1) -> None:
    sizes = f"; height and width must be multiples of {multiple}" if multiple > 1 else ""
    if least > multiple:
        sizes += f"{' and' if sizes else '; height and width must be'} at least {least}"
    print(f"Wrote {path}\n  {meaning}{sizes}")


def _parser() -> FlagParser:
    parser = FlagParser(
        "export",
        "Writes a model for other programs: ONNX (checked in onnxruntime), a torch.export program (pt2), safetensors "
        "of this package, or a file that spandrel reads, for chaiNNer and ComfyUI (SwinIR, SRFormer, ATD with IGConv).",
    )
    parser.add_argument(
        "weights",
        type=Path,
        nargs="?",
        metavar="WEIGHTS",
        help=f"{MODEL_FILES}; without it {default_words()}, as for upscale",
    )
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder to write into")
    parser.add_argument("--format", choices=FORMATS, required=True, help="kind of file")
    parser.add_argument(
        "--scales", type=_scales, default=[2, 3, 4], metavar="R,R", help="one file each (default: 2,3,4)"
    )
    parser.add_argument(
        "--weights-of",
        choices=("average", "raw"),
        help="which weights of a checkpoint that holds both (default: the average)",
    )
    parser.add_argument("--one-file", action="store_true", help="ONNX: one file that takes the scale as an input")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    return parser


def _scales(text: str) -> list[int]:
    if not all(part.isdecimal() and int(part) >= 2 for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers of 2 or more, such as 2,3,4")
    return sorted({int(part) for part in text.split(",")})
