"""Geometric self-ensemble: the mean over the eight flips and turns of an image.

Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR workshops 2017, section 3.4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.functional.dihedral import GROUP_ORDER, dihedral_inverse, dihedral_transform
from igconv_sr.network import SuperResolver


class SelfEnsemble(SuperResolver):
    """Runs a model on all eight flips and turns of the image and averages what it makes of them, turned back.

    Args:
        net: The model.
    """

    def __init__(self, net: SuperResolver) -> None:
        super().__init__()
        self.net = net

    def forward(self, lr: Tensor, scale: float) -> Tensor:
        """Maps an RGB image (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped."""
        # One after the other: height and width swap, and memory stays that of one.
        total = self.net(lr, scale)
        for element in range(1, GROUP_ORDER):
            total = total + dihedral_inverse(self.net(dihedral_transform(lr, element).contiguous(), scale), element)
        mean: Tensor = torch.div(total, GROUP_ORDER)
        return mean

    def fold(self, scales: Sequence[float]) -> "SelfEnsemble":
        """The same with the folded model."""
        return SelfEnsemble(self.net.fold(scales))
