"""SPConv and SPConv+ against METHOD.md, section 1, written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from igconv_sr.errors import InputError
from igconv_sr.upsamplers import SPConv, SPConvPlus

STAGES = {2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2], 6: [6]}


def depth_to_space(maps: Tensor, scale: int) -> Tensor:
    """Channel c·s·s + i·s + j becomes row i and column j of the s×s cell of channel c."""
    batch, channels, height, width = maps.shape
    out = maps.new_zeros(batch, channels // scale**2, height * scale, width * scale)
    for i in range(scale):
        for j in range(scale):
            out[..., i::scale, j::scale] = maps[:, i * scale + j :: scale**2]
    return out


def convolutions(head: nn.Module) -> list[nn.Conv2d]:
    return [module for module in head.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_spconv_is_a_convolution_and_depth_to_space(scale: int, kernel_size: int) -> None:
    torch.manual_seed(0)
    upsampler = SPConv(6, (2, 3, 4), kernel_size)
    (conv,) = convolutions(upsampler.heads[str(scale)])
    features = torch.randn(2, 6, 5, 4)
    expected = depth_to_space(F.conv2d(features, conv.weight, conv.bias, padding=kernel_size // 2), scale)
    torch.testing.assert_close(upsampler(features, scale, torch.zeros(2, 3, 5, 4)), expected)


@pytest.mark.parametrize("scale", list(STAGES))
@pytest.mark.parametrize("width", [None, 10])
def test_spconv_plus_is_its_stages(scale: int, width: int | None) -> None:
    torch.manual_seed(0)
    upsampler = SPConvPlus(6, (scale,), width)
    convs = iter(convolutions(upsampler))
    features = torch.randn(2, 6, 5, 4)
    expected = features
    if width is not None:
        first = next(convs)
        expected = F.conv2d(expected, first.weight, first.bias, padding=1)
        expected = torch.where(expected > 0, expected, 0.01 * expected)
    for stage in STAGES[scale]:
        conv = next(convs)
        expected = depth_to_space(F.conv2d(expected, conv.weight, conv.bias, padding=1), stage)
    last = next(convs)
    expected = F.conv2d(expected, last.weight, last.bias, padding=1)
    assert next(convs, None) is None
    torch.testing.assert_close(upsampler(features, scale, torch.zeros(2, 3, 5, 4)), expected)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_are_the_papers() -> None:
    assert count(SPConv(64, (2,))) == 6_924
    assert count(SPConvPlus(64, (2,))) == 149_443


@pytest.mark.parametrize(("scale", "expected"), [(2, 149_443), (3, 334_083), (4, 297_155)])
def test_a_width_adds_one_convolution(scale: int, expected: int) -> None:
    """Stages 64·(9·64+1)·s² and the last layer 3·(9·64+1); before them (9·C+1)·64."""
    assert count(SPConvPlus(180, (scale,), 64)) == expected + (9 * 180 + 1) * 64


@pytest.mark.parametrize("make", [SPConv, SPConvPlus], ids=["spconv", "spconv_plus"])
class TestHeads:
    """What both have in common: one head per scale."""

    features, lr = torch.randn(2, 4, 5, 3), torch.rand(2, 3, 5, 3)

    def test_only_the_head_of_the_scale_learns(self, make: type[SPConv | SPConvPlus]) -> None:
        upsampler = make(4, (2, 3))
        upsampler(self.features, 3, self.lr).sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in upsampler.heads["3"].parameters())
        assert all(p.grad is None for p in upsampler.heads["2"].parameters())

    def test_fold_keeps_the_given_scales_with_equal_outputs(self, make: type[SPConv | SPConvPlus]) -> None:
        upsampler = make(4, (2, 3, 4))
        folded = upsampler.fold([2, 4])
        assert list(folded.heads) == ["2", "4"]
        assert torch.equal(folded(self.features, 4, self.lr), upsampler(self.features, 4, self.lr))
        with pytest.raises(InputError, match="×3, only for ×2, ×4"):
            folded(self.features, 3, self.lr)

    def test_fold_leaves_the_original_as_it_was(self, make: type[SPConv | SPConvPlus]) -> None:
        upsampler = make(4, (2, 3))
        folded = upsampler.fold([2])
        assert list(upsampler.heads) == ["2", "3"]
        assert all(parameter.requires_grad for parameter in upsampler.parameters())
        before = folded(self.features, 2, self.lr)
        with torch.no_grad():
            for parameter in upsampler.parameters():
                parameter.zero_()
        assert torch.equal(folded(self.features, 2, self.lr), before)

    def test_missing_scales_are_named(self, make: type[SPConv | SPConvPlus]) -> None:
        upsampler = make(4, (2, 3))
        with pytest.raises(InputError, match="×4, only for ×2, ×3"):
            upsampler(self.features, 4, self.lr)
        with pytest.raises(InputError, match="×4, only for ×2, ×3"):
            upsampler.fold([2, 4])

    @pytest.mark.parametrize("scale", [1, 1.5, 2.5, 3.2])
    def test_other_scales_are_refused(self, make: type[SPConv | SPConvPlus], scale: float) -> None:
        for refused in (lambda: make(4, (2, 3))(self.features, scale, self.lr), lambda: make(4, (2, 3)).fold([scale])):
            with pytest.raises(InputError, match=r"no weights for ×[\d/]+, only for ×2, ×3"):
                refused()

    @pytest.mark.parametrize("scale", [0, 1, 1.5, True])
    def test_heads_are_for_whole_scales(self, make: type[SPConv | SPConvPlus], scale: float) -> None:
        with pytest.raises(InputError, match="integer of 2 or more"):
            make(4, (2, scale))
