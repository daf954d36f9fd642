"""MambaIR against the references of the released model and against itself."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from conftest import golden, relative_error
from igconv_sr.encoders import MambaIR
from igconv_sr.encoders.mambair import SelectiveScan2d
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv, SPConv
from igconv_sr.weights.released import official

IGCONV_PLUS = partial(IGConv, fgrep=True, igsample=True)
LIGHT = {"embed_dim": 60, "depths": (6, 6, 6, 6), "mlp_ratio": 1.5}
PUBLISHED = [(MambaIR, 22_159_591), (partial(MambaIR, **LIGHT), 2_501_263)]
SMALL = partial(MambaIR, embed_dim=8, d_state=3, depths=(2, 1), mlp_ratio=1.5)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["mambair_igconv", "mambair_igconv_plus"])
def test_equals_the_released_model(name, scale):
    reference = golden(name)
    net = official.build(reference.meta, reference.state_dict)
    with torch.no_grad():
        ours = net(reference.arrays["x"], scale)
    assert relative_error(ours, reference.arrays[f"y{scale}"]) < 1e-5
    assert sum(parameter.numel() for parameter in net.parameters()) == reference.meta["num_params"]


@pytest.mark.parametrize(("encoder", "parameters"), PUBLISHED)
def test_has_the_published_number_of_parameters(encoder, parameters):
    with torch.device("meta"):
        net = SRNet(encoder(), IGCONV_PLUS, (2, 3, 4))
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


def test_the_light_model_under_spconv_compresses_by_6():
    with torch.device("meta"):
        by_6, by_3 = (MambaIR(**LIGHT, compress_ratio=ratio).layers[0].residual_group.blocks[0] for ratio in (6, 3))
    assert by_6.conv_blk.cab[0].out_channels == 10
    assert by_3.conv_blk.cab[0].out_channels == 20


@pytest.mark.parametrize("size", [(16, 16), (7, 5), (1, 1)])
def test_any_size_trains_every_parameter(size):
    upsampler = partial(
        IGConv, hidden_dim=8, num_layers=1, fgrep=True, igsample=True, sample_hidden_dim=8, sample_num_layers=1
    )
    net = SRNet(SMALL(), upsampler, (2, 3))
    image = net(torch.rand(1, 3, *size), 3)
    assert image.shape[-2:] == (3 * size[0], 3 * size[1])
    image.square().mean().backward()
    missing = [key for key, parameter in net.named_parameters() if parameter.grad is None]
    assert not missing


def test_each_direction_sees_what_lies_before_it():
    scan = SelectiveScan2d(dim=2, d_state=2, expand=2)
    height, width, row, column = 4, 5, 2, 3
    x = torch.zeros(1, height, width, 4)
    x[0, row, column] = 1
    with torch.no_grad():
        scan.dt_projs_bias.fill_(1.0)
        scan.dt_projs_weight.zero_()
        scan.A_logs.fill_(-3.0)
        scan.Ds.zero_()
        scan.x_proj_weight.fill_(1.0)
        dense = torch.full_like(x, 1e-3)  # C comes from the input, so all of it must be set
        reached = {}
        for direction in range(4):
            scan.x_proj_weight.zero_()
            scan.x_proj_weight[direction] = 1.0
            reached[direction] = (scan.scan(dense + x) - scan.scan(dense))[0, ..., 0].abs() > 1e-7
    row_major = torch.arange(height * width).view(height, width)
    column_major = torch.arange(height * width).view(width, height).T
    for direction, order in enumerate((row_major, column_major)):
        assert torch.equal(reached[direction], order >= order[row, column])
        assert torch.equal(reached[direction + 2], order <= order[row, column])


def test_checkpointing_changes_nothing():
    plain, checkpointed = (SMALL(checkpointing=flag) for flag in (False, True))
    checkpointed.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 6, 5)
    gradients = []
    for encoder in (plain, checkpointed):
        torch.manual_seed(1)  # drop-path draws
        out = encoder(x)
        gradients.append((out, *torch.autograd.grad(out.square().sum(), tuple(encoder.parameters()))))
    for ours, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, reference)


def test_drop_path_grows_linearly_with_depth_and_is_off_in_eval():
    encoder = MambaIR(embed_dim=8, d_state=2, depths=(2, 3), drop_path_rate=0.4)
    rates = [block.drop_path.rate for layer in encoder.layers for block in layer.residual_group.blocks]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    x = torch.rand(1, 3, 4, 4)
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


def test_step_sizes_and_decays_start_as_in_mamba():
    scan = SelectiveScan2d(dim=32, d_state=4, expand=2)
    steps = F.softplus(scan.dt_projs_bias)
    assert 0.001 <= steps.min() < 0.005
    assert 0.05 < steps.max() <= 0.1001
    torch.testing.assert_close(scan.A_logs.exp(), torch.arange(1.0, 5.0).expand(4 * 64, 4))


@pytest.mark.parametrize("value", [0.0, 1.0, None], ids=["black", "white", "noise"])
def test_finite_for_black_white_and_noise(value):
    lr = torch.rand(1, 3, 9, 9) if value is None else torch.full((1, 3, 9, 9), value)
    assert SRNet(SMALL(), SPConv, (2,))(lr, 2).isfinite().all()


def test_memory_format_and_autocast_change_little():
    encoder = SMALL().eval()
    x = torch.rand(2, 3, 9, 8)
    with torch.no_grad():
        plain = encoder(x)
        last = encoder.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder(x)
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5)
    assert relative_error(half.float(), plain) < 0.05


def test_compiles_into_one_graph():
    encoder = MambaIR(embed_dim=8, d_state=2, depths=(1,), mlp_ratio=1.5)
    x = torch.rand(1, 3, 4, 5)
    compiled = torch.compile(encoder, fullgraph=True, backend="aot_eager")
    ours, reference = compiled(x), encoder(x)
    torch.testing.assert_close(ours, reference)
    parameters = tuple(encoder.parameters())
    for x, y in zip(
        torch.autograd.grad(ours.square().sum(), parameters),
        torch.autograd.grad(reference.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)
