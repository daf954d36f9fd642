"""The hyper-network against its bare matrix products, and its share of a training step.

Legend: P kernel positions, D width, r scale.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.measure.comparison import Comparison, with_gradients
from igconv_sr.measure.nets import build
from igconv_sr.scale import nearest_ratio
from igconv_sr.upsamplers import IGConv
from igconv_sr.upsamplers.hypernet import GroupedLinear, HyperNetwork, sub_pixels

SHARE_MODELS = ("edsr_small", "edsr_baseline", "smfanet_small", "smfanet", "plksr", "hit_srf", "swinir")
"""Models of which a processor takes a step within seconds."""


def hypernet() -> list[Comparison]:
    """Compares hyper-networks at the widths of the smaller encoders and of the transformers."""
    return [hypernet_against_products(channels) for channels in (64, 180)]


def hypernet_against_products(
    channels: int, hidden_dim: int = 256, num_layers: int = 4, scales: Sequence[int] = (2, 3, 4)
) -> Comparison:
    """Forward and backward at all scales; the products follow each other as in the network, and are kept as long."""
    net = HyperNetwork(9 * channels, 3, hidden_dim, num_layers, max(scales))
    inputs = {scale: torch.rand(9 * channels * scale**2, hidden_dim) for scale in scales}
    points = {scale: sub_pixels([nearest_ratio(scale)]) for scale in scales}
    weights = [layer.weight.detach()[0].T for layer in net.mlp if isinstance(layer, GroupedLinear)]

    def ours() -> Sequence[Tensor]:
        return [x for scale in scales for x in with_gradients([net(points[scale])], list(net.parameters()))]

    def reference() -> Sequence[Tensor]:
        return [x for scale in scales for x in _products(inputs[scale], weights)]

    name = f"Hyper-network / its bare matrix products: C={channels}, D={hidden_dim}, ×{', ×'.join(map(str, scales))}"
    return Comparison(name, ours, reference, limit=1.2)


def _products(x: Tensor, weights: Sequence[Tensor]) -> Sequence[Tensor]:
    """The products of an MLP without biases and activations: three for each layer."""
    activations = [x]
    for weight in weights:
        activations.append(activations[-1] @ weight)
    gradient = torch.ones_like(activations.pop())
    products = []
    for weight in reversed(weights):
        products.append(activations.pop().T @ gradient)
        gradient = gradient @ weight.T
    return products


def share_of_step(model: str, patches: int = 2, side: int = 48) -> Comparison:
    """The hyper-networks' forward and backward, and that of the whole network, at all scales."""
    net = build(model, "igconv_plus")
    upsampler = net.upsampler
    assert isinstance(upsampler, IGConv)
    ratios = [nearest_ratio(scale) for scale in net.scales]
    lr = torch.rand(patches * len(net.scales), 3, side, side)

    def kernels() -> Sequence[Tensor]:
        return with_gradients(upsampler.kernels(ratios), list(upsampler.parameters()))

    def step() -> Sequence[Tensor]:
        images = net.forward_mixed(lr, [(scale, patches) for scale in net.scales])
        return with_gradients(images, list(net.parameters()))

    return Comparison(f"{model}, 3×{patches} patches of {side}²", kernels, step, limit=None)
