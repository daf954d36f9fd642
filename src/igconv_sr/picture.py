"""The side-by-side picture: LR enlarged, bicubic, the model, HR, with the PSNR under each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from igconv_sr.checkpoint import replacing
from igconv_sr.data import Benchmark, BenchmarkImages, BenchmarkItem
from igconv_sr.functional.imresize import imresize
from igconv_sr.functional.quality import psnr
from igconv_sr.metrics import STANDARD
from igconv_sr.metrics.protocol import luma
from igconv_sr.network import SuperResolver

_SIDE = 120
"""HR pixels of a cut-out; a multiple of 2, 3 and 4."""


def save_side_by_side(net: SuperResolver, benchmark: Benchmark, scales: Sequence[int], path: Path) -> None:
    """Writes a PNG with one row per scale, each showing the most detailed part of one image.

    Args:
        net: The model, in eval mode, on the CPU.
        benchmark: Images to choose from, in turn.
        scales: One row each.
        path: The PNG file.
    """
    figure = Figure(figsize=(9.2, 2.55 * len(scales)), layout="constrained")
    axes = figure.subplots(len(scales), 4, squeeze=False)
    folded = net.fold(scales)
    for row, scale in enumerate(scales):
        image = benchmark.files[row % len(benchmark.files)]
        item = BenchmarkImages([replace(benchmark, files=(image,))], [scale])[0]
        for axis, (title, cut, value) in zip(axes[row], _cut_outs(folded, item), strict=True):
            axis.imshow(cut.permute(1, 2, 0).numpy(), interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_xlabel(value, fontsize=9)
            if row == 0:
                axis.set_title(title, fontsize=10)
        axes[row][0].set_ylabel(f"×{scale}  {item.name}", fontsize=10)
    with replacing(path) as partial, mpl.rc_context({"savefig.dpi": 130}):
        figure.savefig(partial, format="png")


@torch.no_grad()
def _cut_outs(net: SuperResolver, item: BenchmarkItem) -> list[tuple[str, Tensor, str]]:
    """Title, cut-out (3,side,side) in [0,1] and what to write below, per column."""
    lr, hr, scale = item.lr / 255, item.hr / 255, item.scale
    nearest = lr.repeat_interleave(scale, -2).repeat_interleave(scale, -1)
    enlarged = {"LR, enlarged": nearest, "bicubic": imresize(lr, scale), "model": net(lr, scale)}
    top, left = _most_detailed(hr)
    columns = []
    for title, image in enlarged.items():
        value = psnr(*(luma(rgb, item.gray) for rgb in STANDARD.rgb(image, hr, scale))).item()
        columns.append((title, image, f"{value:.2f} dB"))
    columns.append(("HR", hr, "PSNR of the whole image"))
    return [
        (title, image[0, :, top : top + _SIDE, left : left + _SIDE].clamp(0, 1), value)
        for title, image, value in columns
    ]


def _most_detailed(hr: Tensor) -> tuple[int, int]:
    """Top left corner of the square with the largest variance of its gradient."""
    gray = hr.mean(dim=1, keepdim=True)
    edges = (gray[..., 1:, 1:] - gray[..., :-1, :-1]).abs()
    side = min(_SIDE, *edges.shape[-2:])
    energy = torch.nn.functional.avg_pool2d(edges, side, stride=4)
    row, column = divmod(int(energy.argmax()), energy.shape[-1])
    return row * 4, column * 4
