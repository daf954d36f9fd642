"""Mixed-scale training crops, cut from an image store by (seed, step, row) alone.

Crops begin at multiples of p HR pixels and q LR pixels: where r = p/q repeats, so that they can be reduced alone as in
the whole image.

Legend: n side of the LR patch, m margin in LR pixels, r = p/q scale.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from igconv_sr.data.batches.degradation import MATLAB, Degradation, PatchDegradation, PatchPlace
from igconv_sr.data.batches.mixture import Mixture
from igconv_sr.data.batches.schedule import ScaleSchedule, row_scales
from igconv_sr.data.images.store import ImageSource, Sizes
from igconv_sr.errors import InputError
from igconv_sr.functional.dihedral import GROUP_ORDER
from igconv_sr.functional.paired_size import larger, paired_size
from igconv_sr.pictures.decoding import UInt8Image
from igconv_sr.scale import nearest_ratio, plain_scale


class CropBatch(NamedTuple):
    """Uint8 crops with their margins, as a worker delivers them; rows are sorted by scale.

    Attributes:
        groups: (scale, number of rows) in the order of the rows.
        crops: Per group (rows, (n+2m)·r, (n+2m)·r, 3) uint8.
        lr: Per group (rows, n, n, 3) uint8, where the degradation makes patches one by one; empty where it works on
            the batch.
        seeds: Per row the seed of what the degradation draws.
        turns: Per row the element of the dihedral group to apply.
        names: Per row the image it was cut from.
    """

    groups: list[tuple[float, int]]
    crops: list[Tensor]
    lr: list[Tensor]
    seeds: list[int]
    turns: list[int]
    names: list[str]


class Batch(NamedTuple):
    """What the training step takes, on the device.

    Attributes:
        lr: (B,3,n,n) in [0,1], rows sorted by scale.
        hr: Per group (rows,3,r·n,r·n) in [0,1].
        groups: (scale, number of rows) in the order of the rows.
        names: Per row the image it was cut from.
    """

    lr: Tensor
    hr: list[Tensor]
    groups: list[tuple[float, int]]
    names: list[str]


class Cut(NamedTuple):
    """One row: HR crop with its margin, LR patch if it is made already, seed, dihedral element, image name."""

    crop: UInt8Image
    lr: UInt8Image | None
    seed: int
    turn: int
    name: str


class Layout(NamedTuple):
    """How one global batch is divided.

    Attributes:
        rows: Rows of the global batch.
        accumulate: Micro-batches that a device runs per optimiser step.
        rank: Of this process.
        world_size: Processes.
    """

    rows: int
    accumulate: int
    rank: int
    world_size: int

    @property
    def micro_batches(self) -> int:
        """Devices × accumulated batches."""
        return self.accumulate * self.world_size


class MixedScaleCrops(Dataset[CropBatch]):
    """Micro-batch n of this rank; any n may be asked for, in any order.

    Args:
        store: The images.
        scales: Scales of the training.
        lr_patch_size: n, the same at every scale; a multiple of every q.
        schedule: See :func:`igconv_sr.data.batches.schedule.row_scales`.
        seed: Seed of the run.
        layout: Division of the global batch.
        degradation: How LR patches are made; says which margin the crops carry.
        mixture: Shares of several sets in the store; without it every image is as likely as any other.

    Raises:
        InputError: If no image, or none of a set of the mixture, is large enough for a patch at some scale.
    """

    def __init__(
        self,
        store: ImageSource,
        scales: Sequence[float],
        lr_patch_size: int,
        schedule: ScaleSchedule,
        seed: int,
        layout: Layout,
        degradation: Degradation = MATLAB,
        mixture: Mixture | None = None,
    ) -> None:
        self.store, self.scales, self.patch = store, tuple(scales), lr_patch_size
        self.schedule, self.seed, self.layout = schedule, seed, layout
        self.degradation = degradation
        self.usable = usable_images(store.sizes, self.scales, lr_patch_size)
        self.mixture = mixture
        self.usable_per_set = {} if mixture is None else mixture.split(self.usable)

    def __getitem__(self, micro_step: int) -> CropBatch:
        step, part = divmod(micro_step, self.layout.accumulate)
        rows, pieces = self.layout.rows, self.layout.micro_batches
        size, index = rows // pieces, self.layout.rank * self.layout.accumulate + part
        own = np.arange(index * size, (index + 1) * size)
        scales = row_scales(self.schedule, self.scales, self.seed, step, rows, pieces)[own]
        batch = CropBatch([], [], [], [], [], [])
        for scale in sorted({plain_scale(scale) for scale in scales.tolist()}):
            cuts = [self._cut(step, int(row), scale) for row in own[scales == scale]]
            batch.groups.append((scale, len(cuts)))
            batch.crops.append(torch.from_numpy(np.stack([cut.crop for cut in cuts])))
            if patches := [cut.lr for cut in cuts if cut.lr is not None]:
                batch.lr.append(torch.from_numpy(np.stack(patches)))
            batch.seeds.extend(cut.seed for cut in cuts)
            batch.turns.extend(cut.turn for cut in cuts)
            batch.names.extend(cut.name for cut in cuts)
        return batch

    def _cut(self, step: int, row: int, scale: float) -> Cut:
        """Draws and cuts one row."""
        random = np.random.default_rng([self.seed, step, row])
        index = int(random.choice(self._candidates(random, scale)))
        p, q = nearest_ratio(scale)
        limit = self.store.sizes[index] // p - self.patch // q
        top, left = (q * int(random.integers(0, periods, endpoint=True)) for periods in limit)
        turn, seed = int(random.integers(GROUP_ORDER)), int(random.integers(2**63))
        image, degradation = self.store[index], self.degradation
        crop = crop_with_margin(image, top, left, self.patch, scale, degradation.margin_at(scale))
        lr = None
        if isinstance(degradation, PatchDegradation):
            lr = degradation.patch(image, PatchPlace(index, scale, top, left, self.patch))
        return Cut(crop, lr, seed, turn, self.store.names[index])

    def _candidates(self, random: np.random.Generator, scale: float) -> npt.NDArray[np.int64]:
        """The images to choose one from, all with equal probability."""
        if self.mixture is None:
            return self.usable[scale]
        return self.usable_per_set[scale][self.mixture.draw(random)]


def crop_with_margin(image: UInt8Image, top: int, left: int, patch: int, scale: float, margin: int) -> UInt8Image:
    """HR pixels of the LR patch at (top, left) plus the margin, mirrored where the image ends.

    The image ends where it does for the reduction: at a multiple of p.

    Args:
        image: (H,W,3).
        top: LR row of the patch, a multiple of q.
        left: LR column of the patch, a multiple of q.
        patch: n, a multiple of q.
        scale: r = p/q.
        margin: m, a multiple of q.

    Returns:
        ((n+2m)·r, (n+2m)·r, 3).
    """
    spans: list[slice] = []
    mirrored: list[tuple[int, int]] = []
    for start, size in zip((top, left), image.shape[:2], strict=True):
        first, last = larger(start - margin, scale), larger(start + patch + margin, scale)
        _, end = paired_size(size, scale)
        spans.append(slice(max(first, 0), min(last, end)))
        mirrored.append((max(-first, 0), max(last - end, 0)))
    inside: npt.NDArray[np.uint8] = image[spans[0], spans[1]]
    if not any(width for widths in mirrored for width in widths):
        return inside
    return np.pad(inside, (*mirrored, (0, 0)), mode="symmetric")


def usable_images(sizes: Sizes, scales: Sequence[float], lr_patch_size: int) -> dict[float, npt.NDArray[np.int64]]:
    """Per scale the numbers of the images that are large enough for a patch.

    Args:
        sizes: (N,2) heights and widths.
        scales: Scales of the training.
        lr_patch_size: n, the same at every scale.

    Raises:
        InputError: If there is none at some scale.
    """
    smallest = sizes.min(axis=1)
    usable = {r: np.flatnonzero(smallest >= larger(lr_patch_size, r)) for r in scales}
    for scale, images in usable.items():
        if not images.size:
            raise InputError(
                f"no image is large enough for ×{scale:g}: a patch takes {larger(lr_patch_size, scale)} pixels, the "
                f"largest image has {smallest.max()} on its shorter side; lower data.lr_patch_size"
            )
    return usable


class StepSampler(Sampler[int]):
    """Micro-steps from ``start`` on, without end: the trainer's ``max_steps`` says when to stop."""

    def __init__(self, start: int) -> None:
        self.start = start

    def __iter__(self) -> Iterator[int]:
        return count(self.start)
