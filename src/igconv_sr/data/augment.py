"""From crops to a training batch, on the device: reduction to LR, flips and turns, conversion to float."""

import torch
from torch import Tensor

from igconv_sr.data.crops import MARGIN, Batch, CropBatch
from igconv_sr.functional.dihedral import dihedral_transform
from igconv_sr.functional.imresize import reduce_crop_uint8


def to_batch(crops: CropBatch) -> Batch:
    """Makes LR patches as if the whole images had been reduced, then flips and turns LR and HR alike."""
    lr_groups, hr_groups = [], []
    turns = iter(crops.turns)
    for (scale, rows), group in zip(crops.groups, crops.crops, strict=True):
        hr_with_margin = group.permute(0, 3, 1, 2)
        own_turns = [next(turns) for _ in range(rows)]
        edge = MARGIN * scale
        hr = hr_with_margin[..., edge:-edge, edge:-edge]
        lr = reduce_crop_uint8(hr_with_margin, scale, MARGIN)
        hr_groups.append(_turn(hr, own_turns))
        lr_groups.append(_turn(lr, own_turns))
    return Batch(torch.cat(lr_groups), hr_groups, crops.groups, crops.names)


def _turn(images: Tensor, turns: list[int]) -> Tensor:
    turned = [dihedral_transform(image, turn) for image, turn in zip(images, turns, strict=True)]
    return torch.stack(turned).float() / 255
