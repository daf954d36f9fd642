"""A network made ready for one scale: folded, on its device, with what is known of how far it looks."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch

from igconv_sr.errors import InputError
from igconv_sr.inference.enlargement import network_scale, stand_ins
from igconv_sr.inference.ensemble import SelfEnsemble
from igconv_sr.inference.reach import find_reach
from igconv_sr.inference.tiles import step_of
from igconv_sr.scale import nearest_ratio
from igconv_sr.super_resolver import SuperResolver


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
        return find_reach(self.original.fold([network_scale(self.scale)]).cpu(), self.scale)


def prepare(
    net: SuperResolver, scale: Fraction, device: torch.device, ensemble: bool, say: Callable[[str], object]
) -> Prepared:
    """Folds a network for a scale; below those of its training for the least of these.

    IGConv does well between the scales of its training and above them, but below them brightness drifts.

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
    # Convolutions on a CPU are faster so.
    folded = folded.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
