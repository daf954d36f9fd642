"""A network at one scale as a program without Python (torch.export), for images of many sizes.

Legend: B batch, H and W size of the LR image, r scale.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.system.files import replacing

INPUT, OUTPUT = "lr", "sr"

TOLERANCE = 1e-4
"""By how much files may differ from the network."""

_MOST_IMAGES, _MOST_PIXELS = 64, 16384

_MOST_WINDOWS, _LARGEST_LEAST = 3, 16
"""The least size of a program is looked for up to so many times the multiple, or so many pixels."""


class Program(NamedTuple):
    """What :func:`trace` makes.

    Attributes:
        exported: Maps (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped.
        difference: max|program - network| over three sizes.
        multiple: H and W must be multiples of this.
        padded_by_network: Whether the network, given any size, pads to such multiples itself.
    """

    exported: ExportedProgram
    difference: float
    multiple: int
    padded_by_network: bool


class _AtScale(nn.Module):
    def __init__(self, net: SRNet, scale: int) -> None:
        super().__init__()
        self.net, self.scale = net, scale

    def forward(self, lr: Tensor) -> Tensor:
        sr: Tensor = self.net(lr, self.scale)
        return sr


def trace(net: SRNet, scale: int) -> Program:
    """Traces a folded network, and runs the program at three sizes.

    Args:
        net: See :meth:`igconv_sr.network.SRNet.fold`.
        scale: One of its scales.

    Raises:
        InputError: If the network cannot be traced for images of all sizes.
    """
    padded_to = net.encoder.size_multiple
    multiple = getattr(net.encoder, "traced_multiple", padded_to)
    # Two images, and sides unlike each other and whatever else counts windows: sizes of 1, or equal to another
    # number (16 pixels of two windows of 8 were), would be taken for constants.
    example = torch.zeros(2, 3, 5 * max(multiple, 8), 7 * max(multiple, 8))
    sides = {
        axis: Dim(f"{name}_in_{multiple}s", min=1, max=_MOST_PIXELS // multiple) * multiple
        if multiple > 1
        else Dim(name, min=1, max=_MOST_PIXELS)
        for axis, name in ((2, "height"), (3, "width"))
    }
    sizes = {"lr": {0: Dim("batch", min=1, max=_MOST_IMAGES), **sides}}
    try:
        exported = torch.export.export(_AtScale(net, scale).eval(), (example,), dynamic_shapes=sizes, strict=False)
        # What a trace of two images assumes about a single one may stop torch.export.load, but not ONNX.
        module = exported.module(check_guards=False)
        images = sample_images(multiple)
        difference = max((module(image) - net(image, scale)).abs().max().item() for image in images)
    # A user's own encoder may do anything: torch.export has no common error for what it cannot follow.
    except Exception as error:
        first = " ".join(str(error).split())[:200]
        raise InputError(f"{type(net.encoder).__name__} cannot be traced for images of all sizes: {first}") from error
    return Program(exported, difference, multiple, padded_to == multiple)


def save_program(program: Program, path: Path) -> int:
    """Writes a ``.pt2`` file for ``torch.export.load(path).module()(lr)``.

    Returns:
        The least H and W that it serves: what a trace assumes may rule out images of one window.

    Raises:
        InputError: If the program would refuse images whatever their size, or differs from the network.
    """
    if not program.difference <= TOLERANCE:
        raise InputError(f"the program differs from the network by {program.difference:.1e}; nothing was written")
    module, multiple = program.exported.module(), program.multiple
    sizes = range(multiple, max(_MOST_WINDOWS * multiple, _LARGEST_LEAST) + 1, multiple)
    least = next((size for size in sizes if _serves(module, size, multiple)), None)
    if least is None:
        raise InputError(f"a program of this encoder would refuse images of {sizes[-1]} pixels; use --format onnx")
    extra = {"size_multiple": str(multiple), "least_size": str(least)}
    with replacing(path) as partial, partial.open("wb") as file:
        torch.export.save(program.exported, file, extra_files=extra)
    return least


def _serves(module: nn.Module, least: int, multiple: int) -> bool:
    try:
        for number, height, width in ((1, least, least), (2, least, least + multiple), (3, least + multiple, least)):
            module(torch.zeros(number, 3, height, width))
    except AssertionError:
        return False
    return True


def sample_images(multiple: int) -> list[Tensor]:
    """Random images of three sizes, each a multiple of ``multiple`` and at least 16, in batches of 1, 2 and 3."""
    generator = torch.Generator().manual_seed(0)
    least = -(-16 // multiple)
    return [
        torch.rand(number, 3, height * multiple, width * multiple, generator=generator)
        for number, height, width in ((1, least, least + 1), (2, least + 2, least), (3, least + 1, least + 3))
    ]
