"""The layers of every encoder: found by themselves, and their features against direct computation."""

import pytest
import torch
from torch import Tensor, nn

from encoders.test_every_encoder import SMALL
from igconv_sr.analysis.encoder_layers import LayerFeatures, check_patterns, matching_layers, trunk_layers
from igconv_sr.encoders import EDSR, SwinIR
from igconv_sr.encoders.base import Encoder
from igconv_sr.errors import InputError
from igconv_sr.functional.padding import pad_bottom_right
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import SPConv

CPU = torch.device("cpu")
ONE_GROUP = {"rcan": ["body.0", "body.1"], "plksr": ["feats.0", "feats.1"], "rdn": ["RDBs.0"], "edsr": ["body.0"]}


def network(encoder: Encoder) -> SRNet:
    return SRNet(encoder, SPConv, scales=(2,)).eval()


@pytest.mark.parametrize("name", SMALL)
def test_the_blocks_of_every_encoder_are_found(name: str) -> None:
    torch.manual_seed(0)
    net = network(SMALL[name]())
    layers = trunk_layers(net.encoder)
    assert layers == ONE_GROUP.get(name, ["feats.0"] if name == "smfanet" else ["layers.0"])
    taken = LayerFeatures(net, layers, CPU)(torch.rand(1, 3, 9, 13), torch.tensor([0, 50, 116]))
    for features in taken:
        assert features.shape == (3, net.encoder.out_channels)
        assert features.dtype == torch.float64
        assert features.std() > 0
    assert not any(module._forward_hooks for module in net.modules()), "nothing is left in the network"


@pytest.mark.parametrize("size", [(8, 8), (5, 8), (8, 3)])
def test_features_are_those_at_the_pixels_also_where_all_sides_are_equal(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    encoder = EDSR(num_feat=8, num_block=2)
    lr = torch.rand(1, 3, *size)
    with torch.no_grad():
        first = encoder.body[0](encoder.conv_first(lr - torch.tensor(encoder.rgb_mean).view(3, 1, 1)))
        second = encoder.body[1](first)
    positions = torch.randperm(size[0] * size[1])[:10]
    taken = LayerFeatures(network(encoder), ["body.0", "body.1"], CPU)(lr, positions)
    for features, expected in zip(taken, (first, second), strict=True):
        assert torch.equal(features, expected.flatten(2)[0].mT[positions].double())


def test_features_of_a_transformer_without_its_padding() -> None:
    torch.manual_seed(0)
    encoder = SwinIR(16, (2,), (2,), window_size=4, drop_path_rate=0.0)
    lr = torch.rand(1, 3, 9, 10)
    net = network(encoder)
    padded = pad_bottom_right(lr, 4, encoder.pad_mode) - torch.tensor(encoder.rgb_mean).view(3, 1, 1)
    with torch.no_grad():
        tokens = encoder.patch_embed["norm"](encoder.conv_first(padded).permute(0, 2, 3, 1))
        expected = encoder.layers[0](tokens, *encoder.context(tokens))[0, :9, :10]
    (features,) = LayerFeatures(net, ["layers.0"], CPU)(lr, torch.arange(90))
    assert torch.equal(features, expected.reshape(90, 16).double())


def test_patterns_name_parts_of_names() -> None:
    encoder = SMALL["swinir"]()
    assert matching_layers(encoder, ["layers.*.residual_group.blocks.*"]) == [
        f"layers.0.residual_group.blocks.{number}" for number in range(2)
    ]
    assert matching_layers(encoder, ["layers.*", "conv_*"]) == ["conv_first", "layers.0", "conv_after_body"]
    with pytest.raises(InputError, match=r"--layers body\.9: EDSR has no layer of that name; did you mean body\."):
        check_patterns([EDSR(8, 2)], ["body.9"])
    with pytest.raises(InputError, match=r"--layers: EDSR has none of layers\.\*"):
        check_patterns([encoder, EDSR(8, 2)], ["layers.*"])
    check_patterns([encoder, EDSR(8, 2)], ["layers.*", "body.*"])


class Pyramid(nn.Module):
    """An encoder of a user's own without a sequence of blocks."""

    size_multiple, pad_mode, rgb_mean, out_channels = 4, "reflect", None, 4

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 4, stride=4)
        self.up = nn.ConvTranspose2d(4, 4, 4, stride=4)
        self.act = nn.ReLU()
        self.never = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.up(self.act(self.down(x))))


def test_layers_that_cannot_be_compared_are_named() -> None:
    net = network(Pyramid())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Pyramid has no sequence of blocks; name its layers with --layers: down, up"):
        trunk_layers(net.encoder)
    with pytest.raises(InputError, match=r"layer down puts out \(1,4,1,2\) for an image of 4×8, not a feature vector"):
        LayerFeatures(net, ["down"], CPU)
    with pytest.raises(InputError, match="layer act puts out features 2 times per pass"):
        LayerFeatures(net, ["act"], CPU)
    with pytest.raises(InputError, match="layer never puts out features 0 times per pass"):
        LayerFeatures(net, ["never"], CPU)
    LayerFeatures(net, ["up"], CPU)
