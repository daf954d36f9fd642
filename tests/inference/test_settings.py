"""Tiles and the self-ensemble: tiled equals whole, the mean over flips and turns is the written-out one."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from conftest import relative_error
from igconv_sr.encoders import EDSR
from igconv_sr.errors import InputError
from igconv_sr.functional.dihedral import GROUP_ORDER, dihedral_inverse, dihedral_transform
from igconv_sr.inference.ensemble import SelfEnsemble
from igconv_sr.inference.settings import Inference, Tiled
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.upsamplers import IGConv

BLOCKS = 2
RECEPTIVE = 2 * BLOCKS + 3
"""Pixels to each side: two convolutions per block, those before and behind the blocks, and the upsampler's."""


def edsr(igsample: bool = False) -> SRNet:
    torch.manual_seed(0)
    upsampler = partial(IGConv, hidden_dim=16, num_layers=1, igsample=igsample, sample_hidden_dim=8)
    net = SRNet(EDSR(num_feat=8, num_block=BLOCKS, res_scale=1.0), upsampler, scales=(2, 3, 4)).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.mul_(1.5)  # so that distant pixels count
    return net


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("tile", [8, 13, 64])
@pytest.mark.parametrize("igsample", [False, True])
def test_tiled_equals_whole_where_the_overlap_covers_the_receptive_field(scale: int, tile: int, igsample: bool) -> None:
    net, lr = edsr(igsample).fold([scale]), picture(37, 29)
    # A resampled LR pixel lies up to one and a half pixels away.
    tiled = Tiled(net, tile, RECEPTIVE + 2 * igsample)
    assert relative_error(tiled(lr, scale), net(lr, scale)) <= 1e-5


@torch.no_grad()
@pytest.mark.parametrize("scale", [1.5, 7 / 3])
@pytest.mark.parametrize("tile", [2, 8, 13, 64])
def test_tiled_equals_whole_between_whole_scales(scale: float, tile: int) -> None:
    """Where 37 and 29 pixels are no multiple of 2 or 3, nor the tiles."""
    net, lr = edsr(igsample=True).fold([scale]), picture(37, 29)
    assert relative_error(Tiled(net, tile, RECEPTIVE + 2)(lr, scale), net(lr, scale)) <= 1e-5


@torch.no_grad()
def test_the_self_ensemble_of_half_precision_adds_in_single_precision() -> None:
    net, lr = edsr().fold([2]), picture(9, 7)
    net.rgb_mean = None  # whose addition gives single precision
    with torch.autocast("cpu", torch.bfloat16):
        turned = [dihedral_inverse(net(dihedral_transform(lr, n).contiguous(), 2), n) for n in range(GROUP_ORDER)]
        result = SelfEnsemble(net)(lr, 2)
    assert turned[0].dtype == torch.bfloat16
    torch.testing.assert_close(result, torch.stack([one.float() for one in turned]).mean(dim=0))


@torch.no_grad()
@pytest.mark.parametrize("scale", [1.5, 2.5])
def test_the_self_ensemble_lays_pixels_on_each_other(scale: float) -> None:
    """Of odd sizes too: what is straight stays straight when the model is plain interpolation."""
    net = edsr(igsample=True)
    for weights in net.parameters():
        weights.zero_()
    ramp = torch.linspace(0, 1, 9).expand(1, 3, 7, 9)
    inner = (..., slice(4, -4), slice(4, -4))
    assert relative_error(SelfEnsemble(net)(ramp, scale)[inner], net(ramp, scale)[inner]) <= 1e-5


@torch.no_grad()
def test_less_overlap_shows() -> None:
    net, lr = edsr().fold([2]), picture(37, 29)
    assert relative_error(Tiled(net, 13, 1)(lr, 2), net(lr, 2)) > 1e-4


def test_a_tile_sees_no_more_than_it_is_given() -> None:
    seen = []

    class Recording(Bicubic):
        def forward(self, lr: Tensor, scale: float) -> Tensor:
            seen.append(tuple(lr.shape[-2:]))
            return super().forward(lr, scale)

    assert Tiled(Recording(), tile=10, overlap=4)(picture(25, 12), 2).shape == (1, 3, 50, 24)
    assert seen == [(14, 12), (14, 6), (18, 12), (18, 6), (9, 12), (9, 6)]


@pytest.mark.parametrize(
    ("tile", "overlap", "named"),
    [(0, 4, "tile=0"), ("x", 4, "tile=x"), (2.5, 4, "tile=2.5"), (8, -1, "tile_overlap=-1")],
)
def test_tiles_out_of_range_are_refused(tile: Any, overlap: int, named: str) -> None:
    with pytest.raises(InputError, match=f"{named} must be a whole number of LR pixels"):
        Tiled(Bicubic(), tile, overlap)


@torch.no_grad()
@pytest.mark.parametrize("scale", [2, 3])
def test_self_ensemble_is_the_mean_over_eight(scale: int) -> None:
    net, lr = edsr().fold([scale]), picture(9, 14)
    copies = []
    for flip in (False, True):
        for turns in range(4):
            image = np.rot90(np.flip(lr.numpy(), -1) if flip else lr.numpy(), turns, axes=(-2, -1))
            sr = np.rot90(net(torch.from_numpy(image.copy()), scale).numpy(), -turns, axes=(-2, -1))
            copies.append(np.flip(sr, -1) if flip else sr)
    expected = torch.from_numpy(np.mean(copies, axis=0))
    assert relative_error(SelfEnsemble(net)(lr, scale), expected) <= 1e-6
    assert relative_error(net(lr, scale), expected) > 1e-3


@torch.no_grad()
def test_both_fold_as_their_model_does() -> None:
    net, lr = edsr(), picture(9, 14)
    for wrapped in (SelfEnsemble(net), Tiled(net, 6, 3)):
        assert relative_error(wrapped.fold([3])(lr, 3), wrapped(lr, 3)) <= 1e-5


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize(("tile", "overlap"), [(None, 32), (256, 32), (64, 0), (7, 16)])
def test_marks_say_everything(ensemble: bool, tile: int | None, overlap: int) -> None:
    inference = Inference(ensemble, tile, overlap)
    assert Inference.from_marks(inference.marks) == inference
    net = inference.wrap(Bicubic())
    assert isinstance(net, SelfEnsemble) == ensemble
    assert any(isinstance(module, Tiled) for module in net.modules()) == (tile is not None)


@pytest.mark.parametrize(
    ("inference", "marks"),
    [
        (Inference(), ""),
        (Inference(self_ensemble=True), "+ensemble"),
        (Inference(tile=256), "+tile256"),
        (Inference(True, 64, 8), "+ensemble+tile64-overlap8"),
    ],
)
def test_marks(inference: Inference, marks: str) -> None:
    assert inference.marks == marks


@pytest.mark.parametrize("marks", ["+tile", "+turbo", "ensemble", "+tile8+ensemble"])
def test_unknown_marks_are_refused(marks: str) -> None:
    with pytest.raises(InputError, match="unknown marks"):
        Inference.from_marks(marks)
