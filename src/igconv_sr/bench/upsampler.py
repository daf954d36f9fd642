"""The upsamplers: FGRep costs nothing in training, a folded IGConv(+) is as fast as what it replaces, or faster."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from igconv_sr.measure.comparison import Comparison, with_gradients
from igconv_sr.measure.nets import build
from igconv_sr.upsamplers import IGConv


def fgrep_in_training(channels: int = 64, patches: int = 16, side: int = 48) -> Comparison:
    """IGConv with and without FGRep: forward and backward at ×2, ×3 and ×4."""
    features = torch.rand(patches, channels, side, side, requires_grad=True)
    lr = torch.rand(patches, 3, side, side)
    scales = (2, 3, 4)

    def step(upsampler: IGConv) -> Sequence[Tensor]:
        images = [upsampler(features, scale, lr) for scale in scales]
        return with_gradients(images, [features, *upsampler.parameters()])

    plain, averaged = (IGConv(channels, scales, fgrep=fgrep) for fgrep in (False, True))
    name = f"FGRep in training / none: C={channels}, {patches} patches of {side}²"
    return Comparison(name, partial(step, averaged), partial(step, plain), 1.05)


def folded_against_pixel_shuffle(channels: int = 64, height: int = 360, width: int = 640) -> Comparison:
    """Folded IGConv and SPConv's two layers at ×2."""
    features, lr = torch.rand(1, channels, height, width), torch.rand(1, 3, height, width)
    folded = IGConv(channels, (2,)).fold([2])
    conv = nn.Conv2d(channels, 12, 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(folded.kernels["2"])
        assert conv.bias is not None
        conv.bias.zero_()
    plain = nn.Sequential(conv, nn.PixelShuffle(2))

    @torch.inference_mode()
    def ours() -> Sequence[Tensor]:
        return (folded(features, 2, lr),)

    @torch.inference_mode()
    def reference() -> Sequence[Tensor]:
        return (plain(features),)

    name = f"Folded IGConv / Conv2d + PixelShuffle: C={channels}, {width}×{height} ×2"
    return Comparison(name, ours, reference, 1.02)


def folded_against_spconv_plus(height: int = 360, width: int = 640) -> Comparison:
    """Folded IGConv+ and SPConv+ at ×2, from the C=64 features of EDSR baseline."""
    features, lr = torch.rand(1, 64, height, width), torch.rand(1, 3, height, width)
    plus, spconv_plus = (build("edsr_baseline", name).upsampler.fold([2]) for name in ("igconv_plus", "spconv_plus"))

    @torch.inference_mode()
    def ours() -> Sequence[Tensor]:
        return (plus(features, 2, lr),)

    @torch.inference_mode()
    def reference() -> Sequence[Tensor]:
        return (spconv_plus(features, 2, lr),)

    name = f"Folded IGConv+ / SPConv+: C=64, {width}×{height} ×2"
    return Comparison(name, ours, reference, limit=0.35, memory_limit=0.4)
