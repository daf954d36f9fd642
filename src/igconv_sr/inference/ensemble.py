"""Geometric self-ensemble: the mean over the eight flips and turns of an image.

Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR workshops 2017, section 3.4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.functional.dihedral import GROUP_ORDER, dihedral_inverse, dihedral_transform
from igconv_sr.functional.fit import fit
from igconv_sr.functional.padding import pad_bottom_right
from igconv_sr.functional.paired_size import output_size
from igconv_sr.scale import Scale, nearest_ratio
from igconv_sr.super_resolver import SuperResolver


class SelfEnsemble(SuperResolver):
    """Runs a model on all eight flips and turns of the image and averages what it makes of them, turned back.

    Args:
        net: The model.
    """

    def __init__(self, net: SuperResolver) -> None:
        super().__init__()
        self.net = net

    def forward(self, lr: Tensor, scale: Scale) -> Tensor:
        """Maps an RGB image (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped."""
        ratio = nearest_ratio(scale)
        height, width = lr.shape[-2:]
        # Only where r·H and r·W are whole do the pixels of a flipped image lie where those of the image do.
        whole = pad_bottom_right(lr, ratio.q, "symmetric")
        # One after the other: height and width swap, and memory stays that of one.
        first = self.net(whole, ratio.scale)
        # Eight images in half precision are added in single precision: the sum would lose what the mean is to gain.
        total = first.to(torch.promote_types(first.dtype, torch.float32))
        for element in range(1, GROUP_ORDER):
            turned = dihedral_transform(whole, element).contiguous()
            total = total + dihedral_inverse(self.net(turned, ratio.scale), element)
        rows, columns = output_size(height, width, ratio.scale)
        return fit(torch.div(total, GROUP_ORDER)[..., :rows, :columns], height, width, scale)

    def fold(self, scales: Sequence[Scale]) -> "SelfEnsemble":
        """The same with the folded model."""
        return SelfEnsemble(self.net.fold(scales))
