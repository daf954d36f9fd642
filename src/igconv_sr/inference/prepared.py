"""A network made ready for one scale: folded, on its device, with what is known of how far it looks.

Legend: H and W size of the LR image, r scale.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch

from igconv_sr.errors import InputError
from igconv_sr.inference.enlargement import network_scale, stand_ins
from igconv_sr.inference.ensemble import SelfEnsemble
from igconv_sr.inference.tiles import step_of
from igconv_sr.scale import nearest_ratio
from igconv_sr.super_resolver import SuperResolver

_FARTHEST = 384
"""LR pixels; what looks farther counts as unbounded. The paper's farthest CNN is PLKSR with 310."""


@dataclass
class Prepared:
    """A network at one scale.

    Attributes:
        net: Folded, on the device, run as asked for.
        original: What was folded.
        scale: What it computes: the scale asked for, or a larger one that the result is to be reduced from.
        multiple: Of the sizes that it takes without padding.
        device: Where it computes.
        bytes_per_pixel: Of memory, measured once a large image asks for it.
        core: Side of the tiles in LR pixels, once memory has run out with larger ones.
    """

    net: SuperResolver
    original: SuperResolver
    scale: Fraction
    multiple: int
    device: torch.device
    bytes_per_pixel: float | None = None
    core: int | None = None

    @property
    def step(self) -> int:
        """The side of a tile is a multiple of it."""
        return step_of(self.scale.denominator, self.multiple)

    @cached_property
    def reach(self) -> int | None:
        """LR pixels that it looks to each side, or None if that is unbounded; sought once something needs it."""
        if self.multiple > 1:
            return None  # windows hand on what they see, layer by layer
        return find_reach(self.original.fold([network_scale(self.scale)]).cpu().float(), self.scale)


def prepare(
    net: SuperResolver, scale: Fraction, device: torch.device, ensemble: bool, say: Callable[[str], object]
) -> Prepared:
    """Folds a network for a scale; below those of its training for the least of these.

    Below the scales of its training IGConv is 0.4 to 0.8 dB better so (``photo`` on Set5, ×1.25 to ×1.7).

    Args:
        net: In eval mode; folding copies it.
        scale: r = p/q.
        device: Where it is to compute.
        ensemble: Whether it is to average over the eight flips and turns.
        say: Is told if another scale is computed.

    Raises:
        InputError: If it serves neither that scale nor a whole one above.
    """
    least = Fraction(*nearest_ratio(min(net.scales))) if net.scales else Fraction(1)
    served, folded = _fold(net, max(scale, least))
    # Images come in single precision, whatever the weights have. Convolutions on a CPU are faster with channels last.
    folded = folded.to(device).float().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if served != scale:
        asked = f"×{float(scale):.4g}"
        why = f"does not serve {asked}" if scale > least else f"was not trained below ×{float(least):.4g}"
        say(f"The model {why}: {asked} is computed at ×{float(served):.4g} and reduced")
    return Prepared(SelfEnsemble(folded) if ensemble else folded, net, served, folded.size_multiple, device)


def _fold(net: SuperResolver, scale: Fraction) -> tuple[Fraction, SuperResolver]:
    try:
        return scale, net.fold([network_scale(scale)])
    except InputError:
        for other in stand_ins(scale):
            try:
                return other, net.fold([network_scale(other)])
            except InputError:
                continue
        raise


@torch.no_grad()
def find_reach(net: SuperResolver, scale: Fraction) -> int | None:
    """The LR pixels that an output pixel depends on, to each side; None if it may be the whole image.

    A NaN travels as far as the network looks, whatever the weights are: it is put into the first row of a narrow
    strip, and the last output row that it reached tells. Attention over the image, channel attention and pooling carry
    it to the end.

    Args:
        net: In eval mode, on the CPU, where a convolution spreads a NaN no farther than its kernel.
        scale: r = p/q.
    """
    found = [_reach_along(axis, net, scale) for axis in (-2, -1)]
    return None if None in found else max(reach for reach in found if reach is not None)


def _reach_along(axis: int, net: SuperResolver, scale: Fraction) -> int | None:
    length = -(-(_FARTHEST + 1) // scale.denominator) * scale.denominator
    strip = torch.rand(1, 3, length, scale.denominator)
    strip[..., 0, :] = torch.nan
    sr = net(strip if axis == -2 else strip.transpose(-1, -2).contiguous(), network_scale(scale))
    spoilt = sr.isnan().movedim(axis, 0).flatten(1).any(dim=1)
    if not spoilt.any():
        return None  # something on the way swallows a NaN, and nothing can be told
    reach = math.ceil((int(spoilt.nonzero().max()) + 1) / scale) - 1
    return reach if reach < _FARTHEST else None
