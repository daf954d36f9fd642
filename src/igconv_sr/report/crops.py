"""Cut-outs of the images on which the variants of an encoder differ most; their models compute them again."""

import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from igconv_sr.compare.differences import ImageKey
from igconv_sr.compare.largest_differences import read_image, read_scored
from igconv_sr.errors import InputError
from igconv_sr.evaluation.side_by_side import square_with_most
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import find_protocol
from igconv_sr.network import Bicubic
from igconv_sr.report.document import ReportFigure
from igconv_sr.report.figures import draw_gallery, picture
from igconv_sr.report.seed_means import Rows, shown
from igconv_sr.report.variants import Labels, Variant
from igconv_sr.runs.files import Row
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.weights.packaged import are_there


class Candidate(NamedTuple):
    """An image that several variants scored.

    Attributes:
        key: Which image.
        rows: Its row by variant, of the first seed of each.
        bicubic: Its row of bicubic, where there is one.
    """

    key: ImageKey
    rows: Mapping[Variant, Row]
    bicubic: Mapping[Variant, Row]

    @property
    def spread(self) -> float:
        """Best minus worst PSNR on luma in dB; bicubic does not count."""
        values = [float(row["psnr_y"]) for row in self.rows.values()]
        return max(values) - min(values)

    @property
    def all_rows(self) -> dict[Variant, Row]:
        """Bicubic first."""
        return {**self.bicubic, **self.rows}


def largest_spreads(rows: Rows, bicubic: Rows, count: int) -> list[Candidate]:
    """The images on which the variants differ most, each image once, at the scale where they do.

    Args:
        rows: Of one encoder, protocol and training data.
        bicubic: Of the same protocol; may be empty.
        count: How many.
    """
    reference = _by_image(bicubic)
    candidates = [
        Candidate(key, by_variant, reference.get(key, {}))
        for key, by_variant in _by_image(rows).items()
        if len(by_variant) > 1
    ]
    chosen: dict[tuple[str, str], Candidate] = {}
    for candidate in sorted(candidates, key=lambda each: (-each.spread, each.key)):
        chosen.setdefault((candidate.key[0], candidate.key[2]), candidate)
    return list(chosen.values())[:count]


def _by_image(rows: Rows) -> dict[ImageKey, dict[Variant, Row]]:
    found: dict[ImageKey, dict[Variant, Row]] = {}
    for variant, scored in rows.items():
        for key, row in scored.images.get(next(iter(scored.seeds), ""), {}).items():
            if row["psnr_y"] and math.isfinite(float(row["psnr_y"])):
                found.setdefault(key, {})[variant] = row
    return found


def crops(
    candidates: Iterable[Candidate], protocol: str, start: str, labels: Labels, skipped: list[str]
) -> Iterator[ReportFigure]:
    """Cut-outs of images.

    Args:
        candidates: The images.
        protocol: Its name with its marks.
        start: Of the names of files.
        labels: Names of the variants.
        skipped: Gets what could not be computed, and why.
    """
    for number, candidate in enumerate(candidates, start=1):
        try:
            yield _draw(candidate, protocol, f"{start}-{number}", labels)
        except InputError as error:
            benchmark, scale, image = candidate.key
            skipped.append(f"No cut-outs of {benchmark} {image} at ×{scale:g}: {error}.")


def _draw(candidate: Candidate, protocol: str, name: str, labels: Labels) -> ReportFigure:
    """Computes the image again by every model and shows where they differ most."""
    benchmark, scale, image = candidate.key
    names = [labels.of_encoder(variant, candidate.rows) for variant in candidate.all_rows]
    parts = _cut(candidate, protocol, names)
    return picture(
        draw_gallery(parts),
        name,
        f"{next(iter(candidate.rows)).model}, {benchmark} {image} at ×{scale:g}, protocol {protocol}: the part of "
        "120×120 pixels where the models differ most, with the PSNR Y of the whole image, by each model's first seed; "
        f"best minus worst of the models {candidate.spread:.2f} dB.",
        f"Cut-outs of {benchmark} {image} at ×{scale:g}. {'; '.join(caption for caption, _ in parts)}",
        parts=[(caption, _png(part)) for caption, part in parts],
    )


@torch.no_grad()
def _cut(candidate: Candidate, protocol_name: str, titles: Sequence[str]) -> list[tuple[str, Image.Image]]:
    start, plus, marks = protocol_name.partition("+")
    protocol, inference = find_protocol(start), Inference.from_marks(plus + marks)
    rows = list(candidate.all_rows.values())
    item = read_image(candidate.key, _one(rows, "hr_file"), _one(rows, "lr_file"), protocol)
    enlarged: list[Tensor] = []
    for row in rows:
        net = inference.wrap(_model(row))
        sr, hr = protocol.rgb(net(item.lr / 255, item.scale), item.hr / 255, item.scale)
        enlarged.append(sr / 255)
    models = enlarged[len(candidate.bicubic) :]
    errors = torch.cat([(sr - hr / 255).square().mean(dim=1, keepdim=True) for sr in models])
    square = square_with_most(errors.std(dim=0, keepdim=True))
    values = [f"{title}: {shown(float(row['psnr_y']), 'psnr_y')} dB" for title, row in zip(titles, rows, strict=True)]
    parts = [("HR, the original", hr / 255), *zip(values, enlarged, strict=True)]
    return [(caption, _picture(square.cut(part))) for caption, part in parts]


def _model(row: Row) -> SuperResolver:
    if not row["checkpoint"]:
        return Bicubic()
    if not are_there(row["checkpoint"]):
        raise InputError(f"the weights {row['checkpoint']} are not there, seen from here")
    return read_scored(row)


def _one(rows: Sequence[Row], column: str) -> str:
    values = sorted({row[column] for row in rows})
    if len(values) > 1:
        raise InputError(f"the models were scored on different files: {', '.join(value or 'none' for value in values)}")
    if column == "hr_file" and not Path(values[0]).is_file():
        raise InputError(f"the image {values[0]} is not there")
    return values[0]


def _picture(part: Tensor) -> Image.Image:
    return Image.fromarray((part.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())


def _png(part: Image.Image) -> bytes:
    file = io.BytesIO()
    part.save(file, format="png")
    return file.getvalue()
