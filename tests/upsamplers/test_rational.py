"""IGConv at rational scales against the definition, one output pixel after the other, in float64."""

import itertools
import math
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conftest import relative_error
from igconv_sr.encoders import EDSR, RCAN
from igconv_sr.errors import InputError
from igconv_sr.functional import dihedral_transform, output_size
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import FoldedIGConv, IGConv

TINY = partial(IGConv, hidden_dim=8, num_layers=2, sample_hidden_dim=6, sample_num_layers=1)


def kernel_at(net: nn.Module, channels: int, down: Fraction, across: Fraction, scale: Fraction) -> Tensor:
    """The hyper-network at one offset: (O,C,3,3)."""
    p = dict(net.named_parameters())
    groups = p["mlp.0.weight"].shape[0]
    layers = sorted(int(key.split(".")[1]) for key in p if key.startswith("mlp.") and key.endswith("weight"))
    dense = p["phase.weight"][:, 0] * float(2 / min(scale, Fraction(net.max_scale))) + p["phase.bias"]
    positions = []
    for position in range(channels * 9):
        zx, zy = p["frequency"][position].chunk(2)
        angle = math.pi * (zx * float(across) + zy * float(down) + dense)
        basis = torch.cat((torch.cos(angle), torch.sin(angle)))
        if groups == 2:
            basis = torch.cat((basis[0::2], basis[1::2]))
        values = []
        for group, h in enumerate((basis * p["amplitude"][position]).chunk(groups)):
            for layer in layers:
                h = p[f"mlp.{layer}.weight"][group] @ h
                h = h + p[f"mlp.{layer}.bias"][group] if f"mlp.{layer}.bias" in p else h
                h = h if layer == layers[-1] else h.clamp(min=0)
            values.append(h)
        positions.append(torch.cat(values))
    return torch.stack(positions, dim=1).view(-1, channels, 3, 3)


def bilinear(plane: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """At a place in LR pixels, whose centres are at 0, 1, …; the border goes on."""
    height, width = plane.shape
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    part_y, part_x = y - top, x - left
    rows = plane[top : top + 2, left : left + 2] @ torch.stack((1 - part_x, part_x))
    return rows[0] * (1 - part_y) + rows[1] * part_y


def cells(place: Fraction, both_sides: bool) -> list[tuple[int, Fraction]]:
    """The cells that a place in LR pixels belongs to, and its offset from -1 to 1 in each."""
    cell = math.floor(place)
    offset = 2 * (place - cell) - 1
    return [(cell - 1, Fraction(1)), (cell, offset)] if both_sides and offset == -1 else [(cell, offset)]


def direct(net: IGConv, trained: list[Fraction], features: Tensor, scale: Fraction, lr: Tensor) -> Tensor:
    """The definition for a batch of one; at ×1 and untrained fractions nothing beyond the training."""
    asked = Fraction(scale)
    is_extended = scale not in trained and (scale.denominator > 1 or scale == 1)
    known = [2 * ((i + Fraction(1, 2)) / r % 1) - 1 for r in trained for i in range(r.numerator)]
    if is_extended:
        asked = min(max(scale, min(trained)), max(trained))
    _, channels, height, width = features.shape
    around = F.pad(features, (1, 1, 1, 1))[0]
    rows, columns = (int(max(i for i in range(999) if (i + Fraction(1, 2)) / scale < n)) + 1 for n in (height, width))
    out = torch.zeros(1, 3, rows, columns, dtype=features.dtype)
    for i in range(rows):
        for j in range(columns):
            at = [(Fraction(n) + Fraction(1, 2)) / scale for n in (i, j)]
            sides = list(itertools.product(*(cells(place, is_extended) for place in at)))

            def apply(hypernet: nn.Module, sides: list[Any] = sides) -> Tensor:
                values = []
                for (y, down), (x, across) in sides:
                    offset = (down, across)
                    if is_extended:
                        offset = tuple(min(max(d, min(known)), max(known)) for d in offset)
                    kernel = kernel_at(hypernet, channels, *offset, asked)
                    copies = [dihedral_transform(kernel, element) for element in range(8 if net.fgrep else 1)]
                    window = around[:, y : y + 3, x : x + 3]
                    values.append(torch.einsum("ocuv,cuv->o", torch.stack(copies).mean(dim=0), window))
                return torch.stack(values).mean(dim=0)

            out[0, :, i, j] = apply(net.hypernet)
            if net.sample_hypernet is not None:
                shift, scope = apply(net.sample_hypernet).view(2, 2, 3)
                shift = shift * scope.sigmoid() / 2
                for colour in range(3):
                    place = [float(n) - 0.5 + shift[axis, colour] for n, axis in zip(at, (1, 0), strict=True)]
                    out[0, colour, i, j] += bilinear(lr[0, colour], *place)
    return out


@pytest.mark.parametrize("plus", [False, True], ids=["igconv", "igconv_plus"])
@pytest.mark.parametrize("trained", ["3/2,2,4", "2,3"])
@pytest.mark.parametrize(
    ("scale", "size"),
    [("3/2", (5, 4)), ("5/2", (3, 4)), ("7/3", (4, 5)), ("9/4", (5, 2)), ("1", (3, 2)), ("2", (2, 3)), ("5", (2, 2))],
)
def test_equals_the_definition_pixel_by_pixel(scale: str, size: tuple[int, int], trained: str, plus: bool) -> None:
    torch.manual_seed(0)
    scales = [Fraction(one) for one in trained.split(",")]
    net = TINY(2, [float(one) for one in scales], fgrep=plus, igsample=plus).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.5)
    features, lr = torch.randn(1, 2, *size, dtype=torch.float64), torch.rand(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        expected = direct(net, scales, features, Fraction(scale), lr)
        ours = net(features, Fraction(scale), lr)
    assert ours.shape == expected.shape
    assert relative_error(ours, expected) <= 1e-6


@pytest.mark.parametrize("scale", [2, 3, 5])
def test_whole_scales_are_a_convolution_and_depth_to_space_bit_for_bit(scale: int) -> None:
    torch.manual_seed(0)
    net, features, lr = TINY(4, (2, 3), fgrep=True), torch.randn(2, 4, 7, 5), torch.rand(2, 3, 7, 5)
    plain = F.pixel_shuffle(F.conv2d(features, net.kernel(scale), padding=1), scale)
    for same in (scale, float(scale), Fraction(scale)):
        assert torch.equal(net(features, same, lr), plain)


@pytest.mark.parametrize("scale", [1.5, 2.5, 7 / 3])
def test_igsample_starts_as_bilinear_interpolation(scale: float) -> None:
    torch.manual_seed(0)
    net, lr = IGConv(8, (2, 3, 4), igsample=True), torch.rand(1, 3, 7, 9)
    for parameter in net.hypernet.parameters():
        nn.init.zeros_(parameter)
    image = net(torch.randn(1, 8, 7, 9), scale, lr)
    expected = F.interpolate(lr, scale_factor=scale, mode="bilinear", align_corners=False)
    rows, columns = (min(sizes) for sizes in zip(image.shape[-2:], expected.shape[-2:], strict=True))
    assert rows >= int(7 * scale)
    torch.testing.assert_close(image[..., :rows, :columns], expected[..., :rows, :columns], rtol=0, atol=0.02)


def net_of(encoder: Any = EDSR, scales: tuple[float, ...] = (1.5, 2, 2.5, 3, 4)) -> SRNet:
    torch.manual_seed(0)
    arguments = (8, 1) if encoder is EDSR else (8, 1, 1, 4)
    return SRNet(encoder(*arguments), partial(TINY, fgrep=True, igsample=True), scales)


@pytest.mark.parametrize("encoder", [EDSR, RCAN])
@pytest.mark.parametrize("scale", [1, 1.5, 2.5, "7/3", 3.14159])
def test_folded_equals_unfolded_and_is_loaded_again(encoder: Any, scale: Any) -> None:
    scale = Fraction(scale) if isinstance(scale, str) else scale
    net, lr = net_of(encoder).eval(), torch.rand(2, 3, 9, 7)
    folded = net.fold([2, scale])
    image = folded(lr, scale)
    assert image.shape[-2:] == output_size(9, 7, scale)
    torch.testing.assert_close(image, net(lr, scale), rtol=0, atol=1e-6)
    again = FoldedIGConv({key: torch.zeros_like(kernel) for key, kernel in folded.upsampler.kernels.items()})
    again.load_state_dict(folded.upsampler.state_dict())
    folded.upsampler = again
    assert torch.equal(folded(lr, scale), image)
    with pytest.raises(InputError, match="no weights for ×7/2, only for ×"):
        folded(lr, 3.5)


def test_mixed_scales_learn() -> None:
    torch.manual_seed(0)
    net = SRNet(EDSR(4, 1), partial(IGConv, fgrep=True, igsample=True), (1.5, 2, 2.5, 3, 4))
    groups = [(1.5, 1), (2, 1), (2.5, 1), (3, 1), (4, 1)]
    images = net.forward_mixed(torch.rand(5, 3, 6, 6), groups)
    assert [image.shape[-1] for image in images] == [9, 12, 15, 18, 24]
    sum(image.square().sum() for image in images).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.parameters())


@torch.no_grad()
def test_near_scales_give_near_images() -> None:
    """×1.999 is computed as ×2 and resized; 63/32 with other kernels. Between cells an untrained model has jumps."""
    net, coarse = net_of().eval(), torch.rand(1, 3, 10, 10, generator=torch.Generator().manual_seed(2))
    lr = F.interpolate(coarse, (64, 600), mode="bicubic").clamp(0, 1)
    twice = net(lr, 2)

    def distance(scale: float) -> float:
        image = F.interpolate(net(lr, scale), twice.shape[-2:], mode="bicubic", antialias=True)
        return (image - twice)[..., 8:-8, 8:-8].square().mean().sqrt().item()

    distances = {scale: distance(scale) for scale in (1.999, 63 / 32, 1.9, 1.5)}
    print(f"RMS distance from ×2: {distances}")
    assert distances[1.999] <= 0.1 * distances[1.9]
    assert distances[63 / 32] <= 0.75 * distances[1.9]


@torch.no_grad()
def test_no_step_depends_on_the_image() -> None:
    """An exported program of one size serves all others."""
    folded, lr = net_of().eval().fold([2.5]), torch.rand(2, 3, 9, 7)
    any_size = dict.fromkeys((0, 2, 3), torch.export.Dim.AUTO)
    program = torch.export.export(folded, (lr, 2.5), dynamic_shapes={"lr": any_size, "scale": None}).module()
    for size in ((12, 14), (9, 20), (5, 5)):
        other = torch.rand(3, 3, *size)
        torch.testing.assert_close(program(other, 2.5), folded(other, 2.5), rtol=0, atol=1e-6)
