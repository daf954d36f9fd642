"""The images on which two runs differ most: cut-outs of HR, A and B where their errors differ most."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from igconv_sr.compare.differences import ImageKey, Pair, RunTable
from igconv_sr.data import Benchmark, BenchmarkImages, BenchmarkItem
from igconv_sr.data.batches.named_degradation import check_recomputable
from igconv_sr.errors import InputError
from igconv_sr.evaluation.finished_pictures import FinishedPictures
from igconv_sr.evaluation.side_by_side import Panel, PictureRow, save_picture, square_with_most
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import Protocol, find_protocol
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.runs.files import Row
from igconv_sr.runs.results import WEIGHTS_OF
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.weights.checkpoint import load_with_remark
from igconv_sr.weights.packaged import are_there

Model = Callable[[BenchmarkItem], Tensor]


def save_largest_differences(
    a: RunTable, b: RunTable, pairs: Sequence[Pair], measure: str, count: int, path: Path
) -> None:
    """Writes a PNG with one row per image, those with the largest difference first.

    Args:
        a: Run A.
        b: Run B.
        pairs: Their images.
        measure: By what the images are chosen.
        count: How many images.
        path: The PNG file.

    Raises:
        InputError: If a checkpoint or an image named in the tables is not there any more, or is another one by now.
    """
    name, plus, marks = a.protocol.partition("+")
    protocol, inference = find_protocol(name), Inference.from_marks(plus + marks)
    models = [_model(run, inference) for run in (a, b)]
    titles = [f"{letter}: {run.title}" for letter, run in (("A", a), ("B", b))]
    save_picture(picture_rows(pairs, models, titles, protocol, measure, count), path)


def picture_rows(
    pairs: Sequence[Pair],
    models: Sequence[Model],
    titles: Sequence[str],
    protocol: Protocol,
    measure: str,
    count: int,
) -> list[PictureRow]:
    """The rows of the picture.

    Args:
        pairs: Images of both runs.
        models: Of A and B; give the SR image (1,3,r·H,r·W) in [0,1] of an image.
        titles: Of A and B.
        protocol: How images are compared.
        measure: By what the images are chosen.
        count: How many images.
    """
    chosen = sorted(pairs, key=lambda pair: -abs(pair.difference(measure)))[:count]
    return [_row(pair, models, titles, protocol, measure) for pair in chosen]


def _model(run: RunTable, inference: Inference) -> Model:
    rows = list(run.rows.values())
    if len({(row["model"], row["checkpoint"], row.get(WEIGHTS_OF)) for row in rows}) != 1:
        raise InputError(f"{run.path} is of several models; --images 0 leaves the picture out")
    row = rows[0]
    if not row["checkpoint"]:
        return of_net(Bicubic(), inference)
    if Path(row["checkpoint"]).is_dir():
        return FinishedPictures(Path(row["checkpoint"]), ((key[0], key[2]) for key in run.rows))
    if not are_there(row["checkpoint"]):
        raise InputError(
            f"{row['checkpoint']}, named in {run.path}, does not exist seen from here; run this where the model was "
            "evaluated, or leave the picture out with --images 0"
        )
    try:
        return of_net(read_scored(row), inference)
    except InputError as error:
        raise InputError(f"{run.path}: {error}; --images 0 leaves the picture out") from error


def read_scored(row: Row) -> SRNet:
    """The network that a row of results is of.

    Args:
        row: Names weights that are there.

    Raises:
        InputError: If they cannot be read, or were trained further since they were scored.
    """
    net, card, _ = load_with_remark(row["checkpoint"], weights_of=row.get(WEIGHTS_OF) or None)
    if (scored := row.get("steps", "")) not in ("", str(card.steps)):
        raise InputError(f"{row['checkpoint']} is of step {card.steps} by now, and was scored at step {scored}")
    return net


def of_net(net: SuperResolver, inference: Inference) -> Model:
    """What a network makes of the LR image of an item."""
    wrapped = inference.wrap(net)
    return lambda item: wrapped(item.lr / 255, item.scale)


@torch.no_grad()
def _row(pair: Pair, models: Sequence[Model], titles: Sequence[str], protocol: Protocol, measure: str) -> PictureRow:
    benchmark, scale, image = pair.key
    item = read_image(pair.key, _same(pair, "hr_file"), _same(pair, "lr_file"), protocol)
    hr = item.hr / 255
    compared = [protocol.rgb(model(item), hr, item.scale) for model in models]
    original = compared[0][1] / 255
    enlarged = [sr / 255 for sr, _ in compared]
    errors = [_error(sr, original) for sr in enlarged]
    square = square_with_most(errors[1] - errors[0])
    number, unit = (".2f", " dB") if measure.startswith("psnr") else (".4f", "")
    panels = [Panel("HR", square.cut(original), f"{measure} of the whole image")]
    for title, sr, row in zip(titles, enlarged, (pair.a, pair.b), strict=True):
        panels.append(Panel(title, square.cut(sr), format(float(row[measure]), number) + unit))
    return PictureRow(f"{benchmark} {image} ×{scale:g}", panels)


def read_image(key: ImageKey, hr_file: str, lr_file: str, protocol: Protocol) -> BenchmarkItem:
    """Reads an image that a table names.

    Args:
        key: Its benchmark, scale and name.
        hr_file: As the table has it.
        lr_file: The same; empty where the LR image is made from the HR one.
        protocol: Says how.

    Raises:
        InputError: If a file is missing or damaged, or the LR image cannot be made again.
    """
    benchmark, scale, _ = key
    hr = Path(hr_file)
    check_recomputable(benchmark)
    whole = int(scale) if scale == int(scale) else scale
    source = Benchmark(benchmark, (hr,), {int(scale): {hr: Path(lr_file)}} if lr_file else {})
    return BenchmarkImages([source], [whole], lr_kernel=protocol.lr_kernel)[0]


def _same(pair: Pair, column: str) -> str:
    first, second = pair.a.get(column, ""), pair.b.get(column, "")
    if first != second:
        raise InputError(
            f"{column} of {pair.key[2]} is {first or 'empty'} in A and {second or 'empty'} in B; evaluate both on the "
            "same files, or leave the picture out with --images 0"
        )
    return first


def _error(sr: Tensor, hr: Tensor) -> Tensor:
    return (sr - hr).square().mean(dim=1, keepdim=True)
