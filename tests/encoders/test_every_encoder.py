"""What every encoder can do, as part of a whole network: be compiled, be laid out channels last, have any precision."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from conftest import relative_error
from igconv_sr.encoders import ATD, EDSR, HAT, PLKSR, RCAN, RDN, HiTSRF, MambaIR, SMFANet, SRFormer, SwinIR
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv

SMALL: dict[str, Any] = {
    "edsr": partial(EDSR, 8, 1),
    "rcan": partial(RCAN, num_feat=16, num_groups=1, num_blocks=1, reduction=4),
    "rdn": partial(RDN, num_feat=8, num_blocks=1, num_convs=2, growth=4),
    "smfanet": partial(SMFANet, dim=8, n_blocks=1),
    "plksr": partial(PLKSR, dim=8, n_blocks=1, kernel_size=7),
    "swinir": partial(SwinIR, 16, (2,), (2,), window_size=4, drop_path_rate=0.0),
    "srformer": partial(SRFormer, 16, (2,), (2,), window_size=4, drop_path_rate=0.0),
    "hit_srf": partial(HiTSRF, 32, 4, (2,), (2,), hier_win_ratios=(0.5, 1)),
    "hat": partial(HAT, 16, 4, depths=(2,), num_heads=(2,), drop_path_rate=0.0),
    "atd": partial(ATD, 16, (2,), (2,), 4, category_size=20, num_tokens=6, reducted_dim=4),
    "mambair": partial(MambaIR, embed_dim=8, d_state=2, depths=(1,), mlp_ratio=1.5, drop_path_rate=0.0),
}


@pytest.fixture
def net(request: pytest.FixtureRequest) -> SRNet:
    torch.manual_seed(0)
    torch.compiler.reset()
    igconv_plus = partial(
        IGConv, hidden_dim=8, num_layers=1, fgrep=True, igsample=True, sample_hidden_dim=8, sample_num_layers=1
    )
    return SRNet(SMALL[request.param](), igconv_plus, scales=(2, 3))


def gradients(net: SRNet, images: list[Tensor]) -> dict[str, Tensor]:
    loss = torch.stack([image.square().mean() for image in images]).sum()
    names, parameters = zip(*net.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("net", SMALL, indirect=True)
def test_a_training_step_compiles_into_one_graph(net: SRNet) -> None:
    lr, groups = torch.rand(2, 3, 9, 10), [(2, 1), (3, 1)]
    compiled = torch.compile(net.forward_mixed, fullgraph=True, backend="aot_eager")
    ours, expected = gradients(net, compiled(lr, groups)), gradients(net, net.forward_mixed(lr, groups))
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        assert (ours[name] - gradient).abs().max() <= 1e-5 * largest, name


@pytest.mark.slow
@pytest.mark.parametrize("net", SMALL, indirect=True)
def test_a_folded_network_compiles_into_one_graph(net: SRNet) -> None:
    folded, lr = net.fold([2]), torch.rand(2, 3, 9, 10)
    with torch.no_grad():
        compiled = torch.compile(folded, fullgraph=True, backend="aot_eager")
        assert relative_error(compiled(lr, 2), folded(lr, 2)) <= 1e-5


@pytest.mark.parametrize("net", SMALL, indirect=True)
def test_channels_last_and_bfloat16_change_little(net: SRNet) -> None:
    net.eval()
    lr = torch.rand(2, 3, 9, 10)
    with torch.no_grad():
        plain = net(lr, 3)
        with torch.autocast("cpu", torch.bfloat16):
            half = net(lr, 3)
        last = net.to(memory_format=torch.channels_last)(lr.to(memory_format=torch.channels_last), 3)
    assert relative_error(last, plain) <= 1e-5
    assert half.isfinite().all()
    assert relative_error(half.float(), plain) <= 0.05


@pytest.mark.parametrize("net", SMALL, indirect=True)
def test_weights_may_have_any_precision(net: SRNet) -> None:
    net.eval()
    lr = torch.rand(2, 3, 9, 10)
    with torch.no_grad():
        plain = net(lr, 3)
        for dtype, tolerance in ((torch.float64, 1e-5), (torch.bfloat16, 0.05)):
            image = net.to(dtype)(lr.to(dtype), 3)
            assert relative_error(image.float(), plain) <= tolerance, dtype
