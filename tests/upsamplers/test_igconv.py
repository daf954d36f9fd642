"""IGConv and IGSample against the authors' outputs and against METHOD.md, section 1, written out in float64.

Legend: B batch, C feature channels, H and W size of the LR image, r scale.
"""

import math
from functools import cache, partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conftest import golden, relative_error
from igconv_sr.errors import InputError
from igconv_sr.functional import dihedral_mean, dihedral_transform
from igconv_sr.scale import Ratio, nearest_ratio
from igconv_sr.upsamplers import IGConv
from igconv_sr.upsamplers.igsample import MAPS_PER_SUBPIXEL

TINY = partial(IGConv, hidden_dim=8, num_layers=2, sample_hidden_dim=6, sample_num_layers=1)

CASES = [("igconv", geo, largest) for geo in (0, 1) for largest in (4, 8)] + [("igsample", geo, 4) for geo in (0, 1)]


@cache
def reference() -> dict[str, Tensor]:
    return golden("upsamplers").arrays


def reference_case(kind: str, geo: int, largest: int) -> tuple[IGConv, dict[str, Tensor]]:
    """The upsampler of one case of the reference file with its weights, and the case's arrays."""
    prefix = f"{kind}_geo{geo}_max{largest}/"
    arrays = {k.removeprefix(prefix): v for k, v in reference().items() if k.startswith(prefix)}
    net = IGConv(
        16,
        (2, 3, 4),
        hidden_dim=32,
        num_layers=2,
        fgrep=bool(geo),
        igsample=kind == "igsample",
        sample_hidden_dim=16,
        sample_num_layers=1,
        max_scale=largest,
    )
    if kind == "igsample":
        for parameter in net.hypernet.parameters():
            nn.init.zeros_(parameter)  # the convolution gives nothing, what remains is IGSample
    own = dict((net.hypernet if kind == "igconv" else net.sample_hypernet).named_parameters())  # type: ignore[union-attr]
    for key in [key for key in arrays if key.startswith("sd/")]:
        name = (
            key.removeprefix("sd/").removeprefix("convs.").replace("query_kernel", "mlp").replace("freq", "frequency")
        )
        value, parameter = arrays.pop(key), own.pop(name)
        parameter.data.copy_(value.reshape(parameter.shape))
    assert not own, "weights without a reference"
    return net, arrays


@pytest.mark.parametrize("folded", [False, True], ids=["unfolded", "folded"])
@pytest.mark.parametrize(("kind", "geo", "largest"), CASES)
def test_outputs_equal_the_authors(kind: str, geo: int, largest: int, folded: bool) -> None:
    net, arrays = reference_case(kind, geo, largest)
    scales = sorted(int(key[1:]) for key in arrays if key.startswith("y"))
    assert scales[:4] == [2, 3, 4, 5]
    upsampler = net.fold(scales) if folded else net
    lr = arrays.get("lr", torch.zeros(2, 3, *arrays["feat"].shape[-2:]))
    for scale in scales:
        assert relative_error(upsampler(arrays["feat"], scale, lr), arrays[f"y{scale}"]) <= 1e-5, f"×{scale}"


@pytest.mark.parametrize(("kind", "geo", "largest"), [case for case in CASES if case[0] == "igconv"])
def test_kernels_equal_the_authors(kind: str, geo: int, largest: int) -> None:
    net, arrays = reference_case(kind, geo, largest)
    scales = [int(key.removeprefix("kernel")) for key in arrays if key.startswith("kernel")]
    assert scales
    for scale in scales:
        # The reference holds the hyper-network's kernel, of which FGRep takes the mean over the eight copies.
        copies = [dihedral_transform(arrays[f"kernel{scale}"], element) for element in range(8 if geo else 1)]
        assert relative_error(net.kernel(scale), torch.stack(copies).mean(dim=0)) <= 1e-5, f"×{scale}"


def direct_kernel(net: nn.Module, channels: int, outputs: int, scale: int, groups: int) -> Tensor:
    """The hyper-network, one kernel position and one sub-pixel after the other: (O·r·r,C,3,3)."""
    kernel = torch.zeros(outputs * scale**2, channels, 3, 3, dtype=torch.float64)
    p = dict(net.named_parameters())
    layers = sorted(int(key.split(".")[1]) for key in p if key.startswith("mlp.") and key.endswith("weight"))
    cell = 2 / min(scale, 4)
    dense = p["phase.weight"][:, 0] * cell + p["phase.bias"]
    for position, (c, u, v) in enumerate((c, u, v) for c in range(channels) for u in range(3) for v in range(3)):
        zx, zy = p["frequency"][position].chunk(2)
        for i in range(scale):
            for j in range(scale):
                dy, dx = -1 + (2 * i + 1) / scale, -1 + (2 * j + 1) / scale
                angle = zx * dx + zy * dy + dense
                basis = torch.cat((torch.cos(math.pi * angle), torch.sin(math.pi * angle)))
                if groups == 2:
                    basis = torch.cat((basis[0::2], basis[1::2]))
                values = []
                for group, h in enumerate((basis * p["amplitude"][position]).chunk(groups)):
                    for layer in layers:
                        h = p[f"mlp.{layer}.weight"][group] @ h
                        if f"mlp.{layer}.bias" in p:
                            h = h + p[f"mlp.{layer}.bias"][group]
                        h = h if layer == layers[-1] else h.clamp(min=0)
                    values.append(h)
                kernel[torch.arange(outputs) * scale**2 + i * scale + j, c, u, v] = torch.cat(values)
    return kernel


def direct_convolution(features: Tensor, kernel: Tensor) -> Tensor:
    """3×3 convolution with zeros around, as nine products."""
    height, width = features.shape[-2:]
    around = F.pad(features, (1, 1, 1, 1))
    taps = [(u, v) for u in range(3) for v in range(3)]
    return sum(  # type: ignore[return-value]
        torch.einsum("bchw,oc->bohw", around[..., u : u + height, v : v + width], kernel[..., u, v]) for u, v in taps
    )


def direct_resampling(lr: Tensor, maps: Tensor, scale: int) -> Tensor:
    """IGSample, one output value after the other."""
    batch, _, height, width = lr.shape
    out = torch.zeros(batch, 3, height * scale, width * scale, dtype=lr.dtype)
    maps = maps.view(batch, 2, 2, 3, scale, scale, height, width)
    offset = maps[:, 0] * torch.sigmoid(maps[:, 1]) * 0.5
    cells = [(i, j, y, x) for i in range(scale) for j in range(scale) for y in range(height) for x in range(width)]
    for b in range(batch):
        for colour in range(3):
            for i, j, y, x in cells:
                at_x = (x + offset[b, 0, colour, i, j, y, x] + (j - (scale - 1) / 2) / scale).clamp(0, width - 1)
                at_y = (y + offset[b, 1, colour, i, j, y, x] + (i - (scale - 1) / 2) / scale).clamp(0, height - 1)
                left, top = min(int(at_x), width - 2), min(int(at_y), height - 2)
                part_x, part_y = at_x - left, at_y - top
                plane = lr[b, colour]
                upper = plane[top, left] * (1 - part_x) + plane[top, left + 1] * part_x
                lower = plane[top + 1, left] * (1 - part_x) + plane[top + 1, left + 1] * part_x
                out[b, colour, y * scale + i, x * scale + j] = upper * (1 - part_y) + lower * part_y
    return out


def depth_to_space(maps: Tensor, scale: int) -> Tensor:
    batch, _, height, width = maps.shape
    split = maps.view(batch, 3, scale, scale, height, width)
    return split.permute(0, 1, 4, 2, 5, 3).reshape(batch, 3, height * scale, width * scale)


def direct(net: IGConv, features: Tensor, scale: int, lr: Tensor) -> Tensor:
    """METHOD.md, section 1; FGRep as the authors compute it, by averaging eight outputs."""

    def convolve(kernel: Tensor) -> Tensor:
        elements = range(8 if net.fgrep else 1)
        outputs = [direct_convolution(features, dihedral_transform(kernel, element)) for element in elements]
        return torch.stack(outputs).mean(dim=0)

    channels = features.shape[1]
    image = depth_to_space(convolve(direct_kernel(net.hypernet, channels, 3, scale, groups=1)), scale)
    if net.sample_hypernet is None:
        return image
    maps = convolve(direct_kernel(net.sample_hypernet, channels, MAPS_PER_SUBPIXEL, scale, groups=2))
    return image + direct_resampling(lr, maps, scale)


@pytest.mark.parametrize("scale", [2, 3, 5])
@pytest.mark.parametrize("fgrep", [False, True], ids=["plain", "fgrep"])
@pytest.mark.parametrize("igsample", [False, True], ids=["igconv", "igsample"])
def test_gradients_equal_those_of_the_formula(igsample: bool, fgrep: bool, scale: int) -> None:
    torch.manual_seed(scale)
    net = TINY(2, (2, 3, 4), fgrep=fgrep, igsample=igsample).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.5)  # far from the start, where the offsets vanish
    features = torch.randn(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    lr = torch.rand(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    inputs = {"features": features, **({"lr": lr} if igsample else {}), **dict(net.named_parameters())}
    ours, formula = net(features, scale, lr), direct(net, features, scale, lr)
    assert relative_error(ours, formula) <= 1e-6
    weight = torch.randn_like(formula)
    own_gradients = torch.autograd.grad((ours * weight).sum(), list(inputs.values()))
    gradients = torch.autograd.grad((formula * weight).sum(), list(inputs.values()))
    for name, own, expected in zip(inputs, own_gradients, gradients, strict=True):
        assert relative_error(own, expected) <= 1e-5, name


def test_averaging_kernels_equals_averaging_the_eight_outputs() -> None:
    kernel = torch.randn(12, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    features = torch.randn(2, 4, 6, 5, dtype=torch.float64, requires_grad=True)
    ours = F.conv2d(features, dihedral_mean(kernel), padding=1)
    outputs = [F.conv2d(features, dihedral_transform(kernel, element), padding=1) for element in range(8)]
    averaged = torch.stack(outputs).mean(dim=0)
    torch.testing.assert_close(ours, averaged, rtol=0, atol=1e-12)
    weight = torch.randn_like(ours)
    for own, expected in zip(
        torch.autograd.grad((ours * weight).sum(), (kernel, features)),
        torch.autograd.grad((averaged * weight).sum(), (kernel, features)),
        strict=True,
    ):
        torch.testing.assert_close(own, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_igsample_starts_as_bilinear_interpolation(scale: int) -> None:
    torch.manual_seed(0)
    net = IGConv(8, (2, 3, 4), igsample=True)
    lr, features = torch.rand(1, 3, 7, 9), torch.randn(1, 8, 7, 9)
    maps = net.kernel(scale)[3 * scale**2 :].view(2, 2, 3, scale**2, -1)
    offset, scope = maps
    assert offset.abs().max() > 0
    # Equal weights; the columns of one product may still be rounded differently, on some processors.
    assert (offset - offset[:, :1]).abs().max() <= 1e-5 * offset.abs().max(), "offsets differ between colours"
    assert scope.abs().max() == 0
    for parameter in net.hypernet.parameters():
        nn.init.zeros_(parameter)
    bilinear = F.interpolate(lr, scale_factor=scale, mode="bilinear", align_corners=False)
    torch.testing.assert_close(net(features, scale, lr), bilinear, rtol=0, atol=0.02)


def test_igsample_starts_with_the_deviations_of_the_released_code() -> None:
    """With less, the gradients of the last layer would start near the ε of Adam."""
    torch.manual_seed(0)
    net = IGConv(64, (2, 3, 4), igsample=True).sample_hypernet
    assert net is not None
    *layers, last = [value for name, value in net.named_parameters() if name.startswith("mlp.")]
    expected = {net.frequency: 0.02, net.amplitude: 0.02, last[0]: 0.01, **dict.fromkeys(layers, 0.01)}
    for values, deviation in expected.items():
        assert values.std().item() == pytest.approx(deviation, rel=0.15)
    assert not last[1].any()
    for values in net.phase.parameters():  # uniform from -1 to 1, as PyTorch starts a layer of one input
        assert values.std().item() == pytest.approx(1 / math.sqrt(3), rel=0.15)


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_every_parameter_gets_a_gradient_from_the_start(scale: int) -> None:
    torch.manual_seed(0)
    net = IGConv(4, (2, 3, 4), fgrep=True, igsample=True)
    net(torch.randn(2, 4, 6, 5), scale, torch.rand(2, 3, 6, 5)).square().sum().backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)


@pytest.mark.parametrize("scale", [0, 0.99, 65, True, -2, "2", float("nan")])
def test_what_is_no_scale_is_refused(scale: object) -> None:
    net, features, lr = TINY(2, (2, 3)), torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 4, 4)
    for upsampler in (net, net.fold([2])):
        with pytest.raises(InputError, match="not a number from 1 to 64"):
            upsampler(features, scale, lr)
    with pytest.raises(InputError, match="not a number from 1 to 64"):
        net.fold([2, scale])  # type: ignore[list-item]


def test_a_folded_module_holds_its_scales_only() -> None:
    folded = TINY(2, (2, 3, 4)).fold([2, 3])
    with pytest.raises(InputError, match="×4, only for ×2, ×3"):
        folded(torch.zeros(1, 2, 4, 4), 4, torch.zeros(1, 3, 4, 4))
    with pytest.raises(InputError, match="×4, only for ×2, ×3"):
        folded.fold([2, 4])


def test_folding_a_folded_module_gives_a_smaller_equal_one() -> None:
    folded = TINY(2, (2, 3, 4), igsample=True).fold([2, 3])
    fewer = folded.fold([3])
    features, lr = torch.randn(1, 2, 4, 5), torch.rand(1, 3, 4, 5)
    assert torch.equal(fewer(features, 3, lr), folded(features, 3, lr))
    assert list(fewer.kernels) == ["3"]


@pytest.mark.parametrize("scale", [2, 2.5])
def test_folding_under_autocast_gives_what_folding_without_it_does(scale: float) -> None:
    net = TINY(4, (2, 3), igsample=True, fgrep=True)
    features, lr = torch.rand(1, 4, 5, 4), torch.rand(1, 3, 5, 4)
    with torch.autocast("cpu", torch.bfloat16):
        folded = net.fold([scale])
    assert torch.equal(folded(features, scale, lr), net.fold([scale])(features, scale, lr))


def test_folding_keeps_the_original_trainable_and_unchanged() -> None:
    net = TINY(2, (2, 3), fgrep=True, igsample=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    folded = net.fold([2, 3])
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert type(net) is IGConv
    assert all(parameter.requires_grad for parameter in net.parameters())
    kernel = folded.kernels["2"].clone()
    with torch.no_grad():
        net.hypernet.amplitude.zero_()
    assert torch.equal(folded.kernels["2"], kernel), "the folded kernel follows the original"


@pytest.mark.parametrize(("igsample", "count"), [(False, 6_912), (True, 34_560)])
def test_folded_parameter_counts_are_the_papers(igsample: bool, count: int) -> None:
    folded = IGConv(64, (2,), fgrep=igsample, igsample=igsample).fold([2])
    assert sum(parameter.numel() for parameter in folded.parameters()) == count


def test_even_kernel_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="kernel_size must be odd"):
        TINY(2, (2,), kernel_size=4)


def test_autocast_leaves_the_sampling_positions_in_float32() -> None:
    """In bfloat16 the positions of neighbouring pixels of a wide image would be the same."""
    net = TINY(2, (2,), igsample=True)
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    lr = torch.linspace(0, 1, 400).expand(1, 3, 4, 400)
    with torch.autocast("cpu", torch.bfloat16):
        image = net(torch.zeros(1, 2, 4, 400), 2, lr)
    bilinear = F.interpolate(lr, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(image.float(), bilinear, rtol=0, atol=1e-5)


@pytest.mark.parametrize("fgrep", [False, True], ids=["plain", "fgrep"])
def test_kernels_of_several_scales_equal_those_of_each_alone(fgrep: bool) -> None:
    torch.manual_seed(0)
    net, scales = TINY(3, (2, 3, 4), fgrep=fgrep, igsample=True).double(), (2, 3, 4, 2.5)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.5)
    together, alone = net.kernels([nearest_ratio(scale) for scale in scales]), [net.kernel(scale) for scale in scales]
    weights = [torch.randn_like(kernel) for kernel in alone]
    gradients = [torch.autograd.grad(kernels, list(net.parameters()), weights) for kernels in (together, alone)]
    for own, expected in zip([*together, *gradients[0]], [*alone, *gradients[1]], strict=True):
        assert own.shape == expected.shape
        assert relative_error(own, expected) <= 1e-10


def test_points_of_several_scales_go_through_each_layer_together() -> None:
    net, rows = TINY(3, (2, 3, 4), igsample=True), []
    for layer in (net.hypernet.mlp[0], net.sample_hypernet.mlp[0]):  # type: ignore[union-attr]
        layer.register_forward_hook(lambda _module, inputs, _output: rows.append(inputs[0].shape[1]))
    lr = [torch.rand(1, 3, 4, 4)] * 3
    parts = net.mixed_branches([torch.randn(1, 3, 4, 4)] * 3, [Ratio(p, 1) for p in (2, 3, 4)], lr)
    assert [part.convolved.shape[-1] for part in parts] == [8, 12, 16]
    assert rows == [27 * (4 + 9 + 16)] * 2
