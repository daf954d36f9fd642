"""The way from stored images to a training batch: against decoding files, and as a share of a training step.

Legend: p side of the LR patch, m margin in LR pixels, r scale.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import skimage.data
import torch
from lightning.fabric.utilities import move_data_to_device
from PIL import Image
from torch import Tensor

from igconv_sr.data.batches.augment import to_batch
from igconv_sr.data.batches.crops import CropBatch, Layout, MixedScaleCrops
from igconv_sr.data.batches.degradation import MATLAB, BatchDegradation, MatlabFast
from igconv_sr.data.images.store import build_store
from igconv_sr.functional.paired_size import larger, smaller
from igconv_sr.measure.comparison import Comparison, with_gradients
from igconv_sr.measure.nets import build

MODEL = "smfanet_small"
ROWS, PATCH, SCALES = 16, 64, (2, 3, 4)
STEP = f"a step of {MODEL} + igconv_plus, forward and backward"

_SIZE = (2040, 1356)
"""Width and height of an image of DIV2K."""


def data() -> Iterator[Comparison]:
    """Crops against decoding, reductions against Pillow's; without limits the parts as shares of a training step."""
    with tempfile.TemporaryDirectory() as temporary:
        files = photographs(Path(temporary), _SIZE)
        crops = crops_of(files, Path(temporary), ROWS, PATCH)
        yield crops_against_decoding(crops, files)
        batch, numbers = crops[0], count()
        for way in (MATLAB, MatlabFast()):
            yield reduction_against_pillow(batch, way)
        step = training_step(MODEL, batch)
        name = f"Crops and batch, nothing in parallel / {STEP}: {ROWS} patches of {PATCH}²"
        yield Comparison(name, lambda: _batch(crops[next(numbers)]), step, limit=0.05)
        parts: dict[str, Callable[[], Sequence[Tensor]]] = {
            "crops, in a worker": lambda: crops[next(numbers)].crops,
            "batch of crops, on the device": lambda: _batch(batch),
            "of it LR by matlab": lambda: reduce(batch, MATLAB),
            "or LR by matlab_fast": lambda: reduce(batch, MatlabFast()),
            "or LR by Pillow": lambda: reduce_by_pillow(batch),
        }
        for name, part in parts.items():
            yield Comparison(name, part, step, limit=None)


def photographs(folder: Path, size: tuple[int, int]) -> list[Path]:
    """Photographs of scikit-image enlarged to a size and saved as PNG."""
    names = ("astronaut", "coffee", "chelsea")
    for name in names:
        picture = Image.fromarray(getattr(skimage.data, name)())
        picture.resize(size, Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in names]


def crops_of(files: Sequence[Path], cache: Path, rows: int, patch: int) -> MixedScaleCrops:
    """Batches as a training on these files has them."""
    return MixedScaleCrops(build_store(files, cache), SCALES, patch, "all", 0, Layout(rows, 1, 0, 1))


def crops_against_decoding(crops: MixedScaleCrops, files: Sequence[Path]) -> Comparison:
    """A batch of ours against decoding a file per patch, cutting and reducing it with Pillow; one process each."""
    numbers, patch = count(), crops.patch

    def ours() -> Sequence[Tensor]:
        return _batch(crops[next(numbers)])

    def reference() -> Sequence[Tensor]:
        lr = []
        for row in range(crops.layout.rows):
            side = patch * SCALES[row % len(SCALES)]
            with Image.open(files[row % len(files)]) as image:
                hr = image.crop((0, 0, side, side))
            lr.append(torch.from_numpy(np.array(hr.resize((patch, patch), Image.Resampling.BICUBIC))))
        return lr

    name = f"Crops and batch / decoding a PNG of 2040×1356 per patch: {crops.layout.rows} patches of {patch}²"
    return Comparison(name, ours, reference, limit=0.1)


def reduction_against_pillow(batch: CropBatch, degradation: BatchDegradation) -> Comparison:
    """The LR patches of a batch, by us and by Pillow; one thread each."""

    def ours() -> Sequence[Tensor]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return reduce(batch, degradation)
        finally:
            torch.set_num_threads(threads)

    name = f"LR by {type(degradation).__name__} / by Pillow's BICUBIC, one thread: {len(batch.seeds)} patches"
    return Comparison(name, ours, lambda: reduce_by_pillow(batch), limit=0.2)


def reduce(batch: CropBatch, degradation: BatchDegradation) -> list[Tensor]:
    """LR patches per scale: (rows,3,p,p) uint8."""
    return [
        degradation(crops.permute(0, 3, 1, 2), scale, batch.seeds[:rows])
        for (scale, rows), crops in zip(batch.groups, batch.crops, strict=True)
    ]


def reduce_by_pillow(batch: CropBatch) -> list[Tensor]:
    """The same patches by Pillow."""
    lr = []
    for (scale, _), crops in zip(batch.groups, batch.crops, strict=True):
        margin = MATLAB.margin_at(scale)
        edge, side = larger(margin, scale), smaller(crops.shape[1], scale) - 2 * margin
        inner = (edge, edge, edge + larger(side, scale), edge + larger(side, scale))
        reduced = [
            np.array(Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC, box=inner))
            for crop in crops.numpy()
        ]
        lr.append(torch.from_numpy(np.stack(reduced)).permute(0, 3, 1, 2))
    return lr


def training_step(model: str, crops: CropBatch) -> Callable[[], Sequence[Tensor]]:
    """Forward and backward of a batch."""
    net, batch = build(model, "igconv_plus"), to_batch(move_data_to_device(crops, torch.get_default_device()))
    parameters = list(net.parameters())
    return lambda: with_gradients(net.forward_mixed(batch.lr, batch.groups), parameters)


def _batch(crops: CropBatch) -> list[Tensor]:
    batch = to_batch(move_data_to_device(crops, torch.get_default_device()))
    return [batch.lr, *batch.hr]
