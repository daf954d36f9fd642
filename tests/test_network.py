"""SRNet: the authors' outputs, the published sizes, padding, mixed scales, folding."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conftest import golden, relative_error
from igconv_sr.encoders import DIV2K_MEAN, EDSR, SMFANet
from igconv_sr.errors import InputError
from igconv_sr.functional.padding import PadMode
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.upsamplers import IGConv, SPConv, SPConvPlus
from igconv_sr.weights.released import official

TINY = partial(IGConv, hidden_dim=16, num_layers=1, sample_hidden_dim=8, sample_num_layers=1)
IGCONV_PLUS = partial(TINY, fgrep=True, igsample=True)

ENCODERS = {"edsr": lambda: EDSR(8, 1), "smfanet": lambda: SMFANet(8, 1)}
UPSAMPLERS: dict[str, Any] = {
    "spconv": SPConv,
    "spconv_plus": SPConvPlus,
    "spconv_plus_16": partial(SPConvPlus, width=16),
    "igconv": TINY,
    "igconv_plus": IGCONV_PLUS,
}


@pytest.mark.parametrize("name", ["edsr_igconv", "edsr_igconv_plus", "smfanet_igconv", "smfanet_igconv_plus"])
def test_outputs_and_sizes_equal_the_authors(name: str) -> None:
    reference = golden(name)
    net = official.build(reference.meta, reference.state_dict)
    assert not net.training
    assert sum(parameter.numel() for parameter in net.parameters()) == reference.meta["num_params"]
    for scale in (2, 3, 4):
        expected = reference.arrays[f"y{scale}"]
        assert relative_error(net(reference.arrays["x"], scale), expected) <= 1e-5
        assert relative_error(net.fold([scale])(reference.arrays["x"], scale), expected) <= 1e-5


@pytest.mark.parametrize(
    ("encoder", "upsampler", "scales", "count"),
    [
        (EDSR, IGConv, (2, 3, 4), 39_806_211),
        (EDSR, partial(IGConv, fgrep=True, igsample=True), (2, 3, 4), 41_053_699),
        (SMFANet, IGConv, (2, 3, 4), 960_483),
        (SMFANet, partial(IGConv, fgrep=True, igsample=True), (2, 3, 4), 1_249_507),
        (SMFANet, SPConv, (4,), 495_888),
    ],
)
def test_parameter_counts_are_the_published_ones(encoder: Any, upsampler: Any, scales: Any, count: int) -> None:
    with torch.device("meta"):
        net = SRNet(encoder(), upsampler, scales)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize("size", [(16, 16), (7, 5), (1, 1)], ids=str)
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("upsampler", UPSAMPLERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_pair_learns_at_every_scale_and_size(
    encoder: str, upsampler: str, scale: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    net = SRNet(ENCODERS[encoder](), UPSAMPLERS[upsampler], (2, 3, 4))
    image = net(torch.rand(1, 3, *size), scale)
    assert image.shape == (1, 3, size[0] * scale, size[1] * scale)
    assert image.isfinite().all()
    (image - 0.5).square().mean().backward()
    gradients = {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    # Heads of other scales stay out.
    out = [name for name, _ in net.named_parameters() if name not in gradients]
    assert all(name.startswith("upsampler.heads.") and f".heads.{scale}." not in name for name in out)


@pytest.mark.parametrize("upsampler", UPSAMPLERS)
def test_folded_equals_unfolded(upsampler: str) -> None:
    torch.manual_seed(0)
    net = SRNet(EDSR(8, 1), UPSAMPLERS[upsampler], (2, 3, 4)).eval()
    folded = net.fold([2, 4])
    lr = torch.rand(2, 3, 9, 6)
    for scale in (2, 4):
        torch.testing.assert_close(folded(lr, scale), net(lr, scale), rtol=0, atol=1e-6)
    with pytest.raises(InputError, match="×3, only for ×2, ×4"):
        folded(lr, 3)


def test_folding_leaves_the_original_as_it_was(small_net: SRNet) -> None:
    lr = torch.rand(1, 3, 6, 5)
    small_net.train()
    before = {name: value.clone() for name, value in small_net.state_dict().items()}
    image = small_net(lr, 3).detach()
    small_net.fold([2, 3])
    assert torch.equal(small_net(lr, 3), image)
    assert all(torch.equal(value, before[name]) for name, value in small_net.state_dict().items())
    assert all(parameter.requires_grad for parameter in small_net.parameters())
    assert small_net.scales == (2, 3, 4)
    assert all(module.training for module in small_net.modules()), "folding ended the training mode"


def test_folding_at_a_scale_that_was_never_trained_works_for_igconv(small_net: SRNet) -> None:
    lr = torch.rand(1, 3, 4, 5)
    torch.testing.assert_close(small_net.fold([7])(lr, 7), small_net(lr, 7), rtol=0, atol=1e-6)


@pytest.mark.parametrize("upsampler", UPSAMPLERS)
def test_mixed_batches_equal_each_row_alone(upsampler: str) -> None:
    torch.manual_seed(0)
    net = SRNet(SMFANet(8, 1), UPSAMPLERS[upsampler], (2, 3, 4))
    lr, groups = torch.rand(6, 3, 9, 10), [(2, 2), (3, 1), (4, 3)]
    images = net.forward_mixed(lr, groups)
    assert [len(group) for group in images] == [2, 1, 3]
    rows = [(scale, image) for (scale, _), group in zip(groups, images, strict=True) for image in group]
    for row, (scale, image) in enumerate(rows):
        torch.testing.assert_close(image[None], net(lr[row : row + 1], scale), rtol=0, atol=1e-5)


def test_groups_must_add_up_to_the_batch(small_net: SRNet) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        small_net.forward_mixed(torch.rand(3, 3, 4, 4), [(2, 1), (3, 1)])


class Windowed(nn.Module):
    """A user's encoder: derives from nothing of the package, sees windows of 4×4, and takes nothing else."""

    out_channels, size_multiple = 6, 4
    rgb_mean = None

    def __init__(self, pad_mode: PadMode) -> None:
        super().__init__()
        self.pad_mode = pad_mode
        self.conv = nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        windows = F.avg_pool2d(x, 4)
        assert x.shape[-2:] == (windows.shape[-2] * 4, windows.shape[-1] * 4)
        out: Tensor = self.conv(torch.cat((x, windows.repeat_interleave(4, -1).repeat_interleave(4, -2)), dim=1))
        return out


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 3), (5, 4), (8, 7), (13, 9), (4, 8)], ids=str)
def test_padded_equals_cropped(mode: PadMode, size: tuple[int, int]) -> None:
    """Encoder, upsampler and IGSample see the padded image; the output is cropped."""
    torch.manual_seed(0)
    net = SRNet(Windowed(mode), IGCONV_PLUS, (2, 3))  # type: ignore[arg-type]
    lr = torch.rand(2, 3, *size)
    widths = [(0, 0), (0, 0), *((0, -n % 4) for n in size)]
    padded = torch.from_numpy(np.pad(lr.numpy(), widths, mode=mode))
    for scale in (2, 3):
        expected = net.upsampler(net.encoder(padded), scale, padded)[..., : size[0] * scale, : size[1] * scale]
        torch.testing.assert_close(net(lr, scale), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(net.fold([scale])(lr, scale), expected, rtol=0, atol=1e-6)


def test_the_mean_is_taken_from_the_encoders_input_only(small_net: SRNet) -> None:
    """The main branch gets it back; IGSample sees the raw image."""
    lr = torch.rand(2, 3, 5, 6)
    mean = torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1)
    expected = small_net.upsampler(small_net.encoder(lr - mean), 3, lr) + mean
    torch.testing.assert_close(small_net(lr, 3), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [0, 1, True, 3.14159, "2"])
def test_bicubic_refuses_what_is_no_scale(scale: Any) -> None:
    for refused in (lambda: Bicubic()(torch.rand(1, 3, 4, 4), scale), lambda: Bicubic().fold([scale])):
        with pytest.raises(InputError, match=f"scale '?{scale}'? is not a"):
            refused()


@pytest.mark.parametrize("scale", [1.5, 2.5])
def test_bicubic_serves_scales_between_whole_ones(scale: float) -> None:
    assert Bicubic().fold([scale])(torch.rand(1, 3, 4, 6), scale).shape == (1, 3, 4 * scale, 6 * scale)


@pytest.mark.parametrize("scale", [0, 0.5, 65, True])
def test_what_is_no_scale_is_refused(small_net: SRNet, scale: Any) -> None:
    lr = torch.rand(1, 3, 4, 4)
    for refused in (lambda: small_net(lr, scale), lambda: small_net.fold([scale])):
        with pytest.raises(InputError, match="not a number from 1 to 64"):
            refused()
    with pytest.raises(InputError, match="not a number above 1"):
        SRNet(EDSR(4, 1), TINY, (2, scale))


def test_heads_for_scales_between_whole_ones_are_refused() -> None:
    with pytest.raises(InputError, match=r"scale 1\.5 is not an integer of 2 or more"):
        SRNet(EDSR(4, 1), SPConv, (2, 1.5))


def broken(**changes: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A reference file with some entries of its ``meta`` replaced."""
    reference = golden("edsr_igconv")
    return {**reference.meta, **changes}, dict(reference.state_dict)


class TestOfficial:
    """Reference files that do not fit are refused, with the reason."""

    @pytest.mark.parametrize("key", ["encoder", "upsampler"])
    def test_unknown_names(self, key: str) -> None:
        meta, weights = broken(**{key: "nonsense"})
        with pytest.raises(InputError, match=f"unknown {key} 'nonsense'; known are"):
            official.build(meta, weights)

    def test_missing_weight(self) -> None:
        meta, weights = broken()
        del weights["body.1.conv2.bias"]
        with pytest.raises(InputError, match=r"encoder\.body\.1\.conv2\.bias"):
            official.build(meta, weights)

    def test_weight_left_over(self) -> None:
        meta, weights = broken()
        weights["body.9.conv1.bias"] = torch.zeros(24)
        with pytest.raises(InputError, match=r"encoder\.body\.9\.conv1\.bias"):
            official.build(meta, weights)

    def test_other_width(self) -> None:
        meta, weights = broken(encoder_args={"num_feat": 16, "num_block": 3, "res_scale": 0.1})
        with pytest.raises(InputError, match="weights do not fit"):
            official.build(meta, weights)

    def test_turned_weight_of_the_same_size(self) -> None:
        meta, weights = broken()
        weights["conv_first.weight"] = weights["conv_first.weight"].transpose(0, 1)
        with pytest.raises(InputError, match=r"conv_first\.weight"):
            official.build(meta, weights)

    @pytest.mark.parametrize("key", ["freq", "query_kernel.0.weight"])
    def test_other_shape_of_the_same_size_in_the_upsampler(self, key: str) -> None:
        meta, weights = broken()
        weights[f"upsample.{key}"] = weights[f"upsample.{key}"].permute(2, 1, 0, 3)
        with pytest.raises(InputError, match=r"upsampler\.hypernet\."):
            official.build(meta, weights)

    def test_meta_is_left_as_it_was(self) -> None:
        meta, weights = broken()
        before = repr(meta)
        official.build(meta, weights)
        assert repr(meta) == before


@pytest.mark.parametrize(
    "image", [torch.rand(3, 8, 8), torch.rand(1, 1, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)]
)
def test_other_images_are_refused_in_one_line(small_net: SRNet, image: Tensor) -> None:
    with pytest.raises(
        InputError, match=r"the network takes RGB in \[0,1\] as floating point, \(B,3,H,W\), not torch\."
    ):
        small_net(image, 2)
