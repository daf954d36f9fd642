"""RCAN, RDN and PLKSR, against the references of the released models and against themselves."""

import copy
from functools import partial

import pytest
import torch

from conftest import golden, relative_error
from igconv_sr.encoders import PLKSR, RCAN, RDN
from igconv_sr.encoders.base import DIV2K_MEAN
from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv, SPConv
from igconv_sr.weights.released import official

SMALL = {
    "rcan": partial(RCAN, num_feat=16, num_groups=2, num_blocks=1, reduction=4),
    "rdn": partial(RDN, num_feat=8, num_blocks=2, num_convs=2, growth=4),
    "plksr": partial(PLKSR, dim=8, n_blocks=2, kernel_size=7),
}

PUBLISHED = [
    (RCAN, (2, 3, 4, 8), 16_217_083),
    (RDN, (2, 3, 4), 22_895_811),
    (PLKSR, (2, 3, 4), 8_280_259),
]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def small_net(name, upsampler=None):
    igconv_plus = partial(
        IGConv, hidden_dim=8, num_layers=1, fgrep=True, igsample=True, sample_hidden_dim=8, sample_num_layers=1
    )
    return SRNet(SMALL[name](), upsampler or igconv_plus, scales=(2, 3))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["rcan_igconv_plus", "rdn_igconv", "rdn_igconv_plus", "plksr_igconv_plus"])
def test_equals_the_released_model(name, scale):
    reference = golden(name)
    net = official.build(reference.meta, reference.state_dict)
    with torch.no_grad():
        ours = net(reference.arrays["x"], scale)
    assert relative_error(ours, reference.arrays[f"y{scale}"]) < 1e-5
    assert sum(parameter.numel() for parameter in net.parameters()) == reference.meta["num_params"]


@pytest.mark.parametrize(("encoder", "scales", "parameters"), PUBLISHED)
def test_has_the_published_number_of_parameters(encoder, scales, parameters):
    with torch.device("meta"):
        net = SRNet(encoder(), partial(IGConv, fgrep=True, igsample=True), scales)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


@pytest.mark.parametrize("size", [(16, 16), (7, 5), (1, 1)])
@pytest.mark.parametrize("name", SMALL)
def test_any_size_trains_every_parameter(name, size):
    net = small_net(name)
    image = net(torch.rand(1, 3, *size), 3)
    assert image.shape[-2:] == (3 * size[0], 3 * size[1])
    image.square().mean().backward()
    missing = [key for key, parameter in net.named_parameters() if parameter.grad is None]
    assert not missing


@pytest.mark.parametrize("name", SMALL)
def test_folded_equals_unfolded(name):
    net = small_net(name).eval()
    lr = torch.rand(2, 3, 6, 7)
    with torch.no_grad():
        torch.testing.assert_close(net.fold([2])(lr, 2), net(lr, 2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_finite_for_black_white_and_noise(name):
    net = small_net(name)
    lr = torch.stack((torch.zeros(3, 9, 9), torch.ones(3, 9, 9), torch.rand(3, 9, 9)))
    assert net(lr, 2).isfinite().all()


@pytest.mark.parametrize("name", SMALL)
def test_memory_format_and_autocast_change_little(name):
    encoder = SMALL[name]().eval()
    x = torch.rand(2, 3, 9, 8)
    with torch.no_grad():
        plain = encoder(x)
        last = encoder.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder(x)
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5)
    assert relative_error(half.float(), plain) < 0.05


def test_rcan_starts_as_the_shift_by_the_mean_under_every_upsampler():
    net = small_net("rcan", SPConv).eval()
    lr, mean = torch.rand(1, 3, 6, 5), torch.tensor(DIV2K_MEAN).view(3, 1, 1)
    torch.testing.assert_close(net.encoder.sub_mean(lr), lr - mean)
    features = net.encoder(lr)
    torch.testing.assert_close(net(lr, 2), net.upsampler(features, 2, lr) + mean)


@torch.no_grad()
@pytest.mark.parametrize("scale", [2, 2.5])
def test_rcan_shifts_the_convolved_image_and_not_the_resampled_one(scale):
    net, lr = small_net("rcan").eval(), torch.rand(2, 3, 6, 4)
    image = net.upsampler(net.encoder(lr), scale, lr)
    without_resampling = copy.deepcopy(net.upsampler)
    without_resampling.sample_hypernet = None
    convolved = without_resampling(net.encoder(lr), scale, lr)
    net.encoder.add_mean.weight.zero_()
    net.encoder.add_mean.bias.copy_(torch.tensor([5.0, 6.0, 7.0]))
    expected = image - convolved + net.encoder.add_mean.bias.view(3, 1, 1)
    torch.testing.assert_close(net(lr, scale), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("ccm_type", ["CCM", "ICCM", "DCCM"])
@pytest.mark.parametrize("use_ea", [True, False])
def test_plksr_variants(ccm_type, use_ea):
    encoder = PLKSR(dim=8, n_blocks=1, kernel_size=5, split_ratio=0.5, ccm_type=ccm_type, use_ea=use_ea)
    assert encoder(torch.rand(1, 3, 6, 5)).shape == (1, 8, 6, 5)
    before, after = {"CCM": (3, 1), "ICCM": (1, 3), "DCCM": (3, 3)}[ccm_type]
    mixer = encoder.feats[1].channe_mixer
    assert (mixer[0].kernel_size[0], mixer[2].kernel_size[0]) == (before, after)
    assert any("attn" in key for key in encoder.state_dict()) == use_ea


def test_plksr_large_kernel_leaves_the_other_channels_alone():
    kernel = PLKSR(dim=8, n_blocks=1, kernel_size=5, split_ratio=0.25).feats[1].lk
    x = torch.rand(1, 8, 6, 6)
    assert torch.equal(kernel(x)[:, 2:], x[:, 2:])
    assert not torch.equal(kernel(x)[:, :2], x[:, :2])


@pytest.mark.parametrize("wrong", [{"ccm_type": "DCM"}, {"kernel_size": 16}, {"split_ratio": 0.0}])
def test_plksr_says_which_argument_is_wrong(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        PLKSR(dim=8, n_blocks=1, **wrong)
