"""From crops to a training batch, on the device: LR patches, flips and turns, conversion to float."""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.data.crops import Batch, CropBatch
from igconv_sr.data.degradation import MATLAB, BatchDegradation, Degradation
from igconv_sr.functional.dihedral import dihedral_transform
from igconv_sr.functional.paired_size import larger


def to_batch(crops: CropBatch, degradation: Degradation = MATLAB) -> Batch:
    """Makes the LR patches that the crops do not come with, then flips and turns LR and HR alike.

    Args:
        crops: Cut for this degradation.
        degradation: How LR patches are made.
    """
    lr_groups, hr_groups = [], []
    first = 0
    for index, (scale, rows) in enumerate(crops.groups):
        own = slice(first, first + rows)
        with_margin = crops.crops[index].permute(0, 3, 1, 2)
        if isinstance(degradation, BatchDegradation):
            lr = degradation(with_margin, scale, crops.seeds[own])
        else:
            lr = crops.lr[index].permute(0, 3, 1, 2)
        edge, side = larger(degradation.margin_at(scale), scale), larger(lr.shape[-1], scale)
        hr = with_margin[..., edge : edge + side, edge : edge + side]
        lr_groups.append(_turn(lr, crops.turns[own]))
        hr_groups.append(_turn(hr, crops.turns[own]))
        first += rows
    return Batch(torch.cat(lr_groups), hr_groups, crops.groups, crops.names)


def _turn(images: Tensor, turns: Sequence[int]) -> Tensor:
    """Each image by its own element; in [0,1]. Planes are put together first: turning them is then a fast copy."""
    planes = images.contiguous()
    turned = torch.empty_like(planes, dtype=torch.float32)
    for target, image, turn in zip(turned, planes, turns, strict=True):
        target.copy_(dihedral_transform(image, turn))
    return turned.div_(255)
