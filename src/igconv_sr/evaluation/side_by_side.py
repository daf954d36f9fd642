"""Pictures of cut-outs side by side, and the one after a training: LR enlarged, bicubic, the model, HR."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from igconv_sr.data import Benchmark, BenchmarkImages, BenchmarkItem
from igconv_sr.data.batches.named_degradation import kind_of
from igconv_sr.functional.imresize import imresize
from igconv_sr.inference.settings import Inference, within_memory
from igconv_sr.metrics import STANDARD
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.system.files import replacing

_SIDE = 120
"""HR pixels of a cut-out; a multiple of 2, 3 and 4."""

_STEP = 4


class Panel(NamedTuple):
    """One cut-out.

    Attributes:
        title: Written above the column.
        image: (3,H,W) in [0,1], may overshoot.
        caption: Written below.
    """

    title: str
    image: Tensor
    caption: str


class PictureRow(NamedTuple):
    """Cut-outs of one image.

    Attributes:
        label: Written on the left.
        panels: As many in every row.
    """

    label: str
    panels: Sequence[Panel]


def save_picture(rows: Sequence[PictureRow], path: Path) -> None:
    """Writes a PNG of rows of cut-outs; the titles are those of the first row."""
    columns = len(rows[0].panels)
    figure = Figure(figsize=(2.3 * columns, 2.55 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for number, row in enumerate(rows):
        for axis, panel in zip(axes[number], row.panels, strict=True):
            axis.imshow(panel.image.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_xlabel(panel.caption, fontsize=9)
            if number == 0:
                axis.set_title(panel.title, fontsize=10)
        axes[number][0].set_ylabel(row.label, fontsize=10)
    with replacing(path) as partial, mpl.rc_context({"savefig.dpi": 130}):
        figure.savefig(partial, format="png")


class Square(NamedTuple):
    """The place of a cut-out.

    Attributes:
        top: First row.
        left: First column.
    """

    top: int
    left: int

    def cut(self, image: Tensor) -> Tensor:
        """Cuts it out of an image: (1,3,H,W) → (3,120,120), or less where the image is smaller."""
        return image[0, :, self.top : self.top + _SIDE, self.left : self.left + _SIDE]


def square_with_most(energy: Tensor) -> Square:
    """The square of 120 pixels with the largest mean, by its amount.

    Args:
        energy: (1,1,H,W), of either sign.
    """
    side = min(_SIDE, *energy.shape[-2:])
    means = torch.nn.functional.avg_pool2d(energy, side, stride=_STEP).abs()
    row, column = divmod(int(means.argmax()), means.shape[-1])
    return Square(row * _STEP, column * _STEP)


def save_side_by_side(
    net: SuperResolver, benchmark: Benchmark, scales: Sequence[float], path: Path, inference: Inference
) -> None:
    """Writes a PNG with one row per scale, each showing the most detailed part of one image.

    Args:
        net: The model, in eval mode, on the CPU.
        benchmark: Images to choose from, in turn.
        scales: One row each.
        path: The PNG file.
        inference: How SR images are computed as long as memory allows.
    """
    folded = net.fold(scales)
    rows = []
    for number, scale in enumerate(scales):
        files = benchmark.files_at(scale)
        one = replace(benchmark, files=(files[number % len(files)],), own_files={})
        item = BenchmarkImages([one], [scale])[0]
        sr, way = _enlarged(folded, item, inference)
        label = f"×{scale:g}  {item.name}{kind_of(item.benchmark)}{way.marks}"
        rows.append(PictureRow(label, _panels(sr, item)))
    save_picture(rows, path)


@torch.no_grad()
def _enlarged(net: SuperResolver, item: BenchmarkItem, inference: Inference) -> tuple[Tensor, Inference]:
    return within_memory(lambda way: way.wrap(net)(item.lr / 255, item.scale), inference, item.lr_size, item.title)


def _panels(sr: Tensor, item: BenchmarkItem) -> list[Panel]:
    lr, hr, scale = item.lr / 255, item.hr / 255, item.scale
    nearest = F.interpolate(lr, hr.shape[-2:], mode="nearest-exact")
    enlarged = {"LR, enlarged": nearest, "bicubic": imresize(lr, scale), "model": sr}
    square = _most_detailed(hr)
    panels = []
    for title, image in enlarged.items():
        value = STANDARD.score(image, hr, scale, item.gray)["psnr_y"].item()
        panels.append(Panel(title, square.cut(image), f"{value:.2f} dB"))
    return [*panels, Panel("HR", square.cut(hr), "PSNR of the whole image")]


def _most_detailed(hr: Tensor) -> Square:
    """The square with the largest variance of its gradient."""
    gray = hr.mean(dim=1, keepdim=True)
    return square_with_most((gray[..., 1:, 1:] - gray[..., :-1, :-1]).abs())
