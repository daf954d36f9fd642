"""From crops to a training batch, on the device: LR patches, flips and turns, conversion to float."""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.data.batches.crops import Batch, CropBatch
from igconv_sr.data.batches.degradation import MATLAB, BatchDegradation, Degradation
from igconv_sr.functional.dihedral import dihedral_transform_rows
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
        lr_groups.append(lr)
        hr_groups.append(_turn(hr, crops.turns[own]))
        first += rows
    return Batch(_turn(torch.cat(lr_groups), crops.turns), hr_groups, crops.groups, crops.names)


def _turn(images: Tensor, turns: Sequence[int]) -> Tensor:
    """Each image by its own element; in [0,1]."""
    return dihedral_transform_rows(images, turns).float().div_(255)
