"""What each model with each upsampler holds and computes, counted without computing it.

Legend: r scale, C feature channels, H and W height and width of the low-resolution image.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from igconv_sr.measure.nets import UPSAMPLERS, build, model_names

COUNTED = (
    "Multiply-adds are counted with torch.utils.flop_counter.FlopCounterMode on the meta device. It counts matrix "
    "products, convolutions and attention, and neither elementwise operations, norms and softmax nor the recurrence of "
    "the selective scan and IGSample's resampling."
)

NOTE = (
    f"×2 from 640×360 (padded as the model asks) to 1280×720, folded. {COUNTED} Parameters: of the model for ×2, ×3 "
    "and ×4 as stored, and folded for ×2."
)


class ModelCost(NamedTuple):
    """Attributes: ``params`` for all scales as stored, ``folded_params`` and ``multiply_adds`` folded for ×2."""

    model: str
    upsampler: str
    params: int
    folded_params: int
    multiply_adds: int


def all_costs(height: int = 360, width: int = 640) -> list[ModelCost]:
    """All models with all upsamplers."""
    return [cost for model in model_names() for cost in model_costs(model, height, width)]


def model_costs(model: str, height: int, width: int) -> list[ModelCost]:
    """One model with all upsamplers; the encoder, which is the same for all, is counted once."""
    encoder_adds, costs = None, []
    for name in UPSAMPLERS:
        with torch.device("meta"):
            net = build(model, name).eval().requires_grad_(False)
        folded = net.fold([2]).upsampler
        rows, columns = (-(-size // net.encoder.size_multiple) * net.encoder.size_multiple for size in (height, width))
        lr = torch.empty(1, 3, rows, columns, device="meta")
        features = torch.empty(1, net.encoder.out_channels, rows, columns, device="meta")
        if encoder_adds is None:
            encoder_adds = multiply_adds(net.encoder, [lr])
        adds = encoder_adds + multiply_adds(folded, [features, 2, lr])
        costs.append(ModelCost(model, name, count(net), count(net.encoder) + count(folded), adds))
    return costs


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def multiply_adds(module: nn.Module, inputs: Sequence[Tensor | int]) -> int:
    """Multiply-adds of a pass that are counted, see :data:`COUNTED`."""
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2
