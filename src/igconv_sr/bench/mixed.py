"""One encoder pass over the patches of all scales against one pass for each scale."""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.measure.comparison import Comparison, with_gradients
from igconv_sr.measure.nets import build


def mixed() -> list[Comparison]:
    """EDSR and SMFANet."""
    return [mixed_against_separate(model) for model in ("edsr_baseline", "smfanet_small")]


def mixed_against_separate(model: str, patches: int = 2, side: int = 48) -> Comparison:
    """Forward and backward over so many patches of each scale."""
    net = build(model, "igconv_plus")
    lr = torch.rand(patches * len(net.scales), 3, side, side)
    parameters = list(net.parameters())

    def ours() -> Sequence[Tensor]:
        return with_gradients(net.forward_mixed(lr, [(scale, patches) for scale in net.scales]), parameters)

    def reference() -> Sequence[Tensor]:
        images = [net(rows, scale) for scale, rows in zip(net.scales, torch.split(lr, patches), strict=True)]
        return with_gradients(images, parameters)

    name = f"forward_mixed / one pass per scale: {model}, 3×{patches} patches of {side}²"
    return Comparison(name, ours, reference, limit=1.0)
