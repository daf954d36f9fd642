"""SwinIR, SRFormer, HAT, HiT-SRF and ATD, against the references of the released models and against themselves."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from conftest import golden, relative_error
from igconv_sr.encoders import ATD, HAT, HiTSRF, SRFormer, SwinIR
from igconv_sr.encoders.hit_srf import SpatialChannelCorrelation
from igconv_sr.errors import InputError
from igconv_sr.layers.attention import attend, attend_windows
from igconv_sr.layers.drop_path import DropPath
from igconv_sr.layers.windows import border, border_mask
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv, SPConv, SPConvPlus
from igconv_sr.weights.released import LAYOUTS, official

CPU = torch.device("cpu")

SMALL = {
    "swinir": partial(SwinIR, 16, (2, 2), (2, 2), window_size=4),
    "srformer": partial(SRFormer, 16, (2, 2), (2, 2), window_size=4),
    "hat": partial(HAT, 16, 4, depths=(2, 2), num_heads=(2, 2)),
    "hit_srf": partial(HiTSRF, 32, 4, (3, 3), (2, 2), hier_win_ratios=(0.5, 1, 2)),
    "atd": partial(ATD, 16, (2, 2), (2, 2), 4, category_size=20, num_tokens=6, reducted_dim=4),
}

IGCONV_PLUS = partial(IGConv, fgrep=True, igsample=True)
WIDTH_64 = partial(SPConvPlus, width=64)
PUBLISHED = [
    (SwinIR, IGCONV_PLUS, (2, 3, 4), 13_490_215),
    (SRFormer, IGCONV_PLUS, (2, 3, 4), 12_114_511),
    (HiTSRF, IGCONV_PLUS, (2, 3, 4), 1_725_447),
    (HiTSRF, IGConv, (2, 3, 4), 1_381_127),
    (HiTSRF, SPConv, (4,), 866_420),
    (HAT, IGCONV_PLUS, (2, 3, 4), 22_362_523),
    (HAT, WIDTH_64, (4,), 20_772_507),
    (ATD, IGCONV_PLUS, (2, 3, 4), 22_110_145),
    (ATD, WIDTH_64, (2,), 20_113_217),
    (ATD, WIDTH_64, (4,), 20_260_929),
]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def small_net(name, **arguments):
    upsampler = partial(IGConv, hidden_dim=8, num_layers=1)
    return SRNet(SMALL[name](**arguments), upsampler, scales=(2, 3))


def shaken(module):
    """The module with weights and biases large enough for a mistake anywhere to show."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize("upsampler", ["igconv", "igconv_plus"])
@pytest.mark.parametrize("encoder", SMALL)
def test_equals_the_released_model(encoder, upsampler):
    reference = golden(f"{encoder}_{upsampler}")
    net = official.build(reference.meta, reference.state_dict)
    assert sum(parameter.numel() for parameter in net.parameters()) == reference.meta["num_params"]
    for scale in (2, 3, 4):
        with torch.inference_mode():
            image = net(reference.arrays["x"], scale)
        assert relative_error(image, reference.arrays[f"y{scale}"]) <= 1e-5


@pytest.mark.parametrize(("encoder", "upsampler", "scales", "count"), PUBLISHED)
def test_parameters_are_counted_as_published(encoder, upsampler, scales, count):
    with torch.device("meta"):
        net = SRNet(encoder(), upsampler, scales)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize("size", [(16, 16), (7, 5), (1, 1)])
@pytest.mark.parametrize("encoder", SMALL)
def test_every_parameter_learns_at_any_size(encoder, size):
    net = small_net(encoder)
    image = net(torch.rand(1, 3, *size), 3)
    assert image.shape == (1, 3, 3 * size[0], 3 * size[1])
    image.square().sum().backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("encoder", SMALL)
def test_rows_of_a_batch_are_independent(encoder):
    net = shaken(SMALL[encoder]().eval())
    batch = torch.rand(3, 3, 12, 20)
    with torch.inference_mode():
        torch.testing.assert_close(net(batch), torch.cat([net(row) for row in batch.split(1)]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("encoder", SMALL)
def test_checkpointing_changes_nothing(encoder):
    plain, checkpointed = SMALL[encoder](), SMALL[encoder](checkpointing=True)
    checkpointed.load_state_dict(plain.state_dict())
    image = torch.rand(2, 3, 8, 8)
    outputs = []
    for net in (plain, checkpointed):
        torch.manual_seed(1)  # drop-path
        outputs.append(net(image))
        outputs[-1].square().sum().backward()
    torch.testing.assert_close(*outputs)
    for ours, theirs in zip(plain.parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("encoder", SMALL)
def test_extreme_images_stay_finite(encoder):
    net = small_net(encoder).eval()
    images = torch.stack((torch.zeros(3, 9, 9), torch.ones(3, 9, 9), torch.rand(3, 9, 9)))
    with torch.inference_mode():
        assert net(images, 2).isfinite().all()


@pytest.mark.parametrize("encoder", SMALL)
def test_half_precision_stays_near(encoder):
    net = SMALL[encoder]().eval()
    image = torch.rand(1, 3, 8, 12).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        half = net(image).float()
    with torch.inference_mode():
        full = net(image)
    assert (half - full).abs().max() < 0.05 * full.abs().max()


@pytest.mark.parametrize("encoder", SMALL)
def test_trains_at_a_size_first_seen_in_validation(encoder):
    net = SMALL[encoder]()
    image = torch.rand(1, 3, 8, 28)  # no other test has this size
    with torch.inference_mode():
        net(image)
    net(image).sum().backward()


@pytest.mark.parametrize("encoder", ["swinir", "srformer", "hat"])
def test_a_window_as_large_as_the_patch_does_not_shift(encoder):
    def shifts(net):
        return {module.shift for module in net.modules() if hasattr(module, "shift")}

    assert shifts(SMALL[encoder](img_size=8)) == {0, 2}
    assert shifts(SMALL[encoder](img_size=4)) == {0}


def test_the_training_patch_is_read_from_the_masks():
    for encoder in ("swinir", "srformer"):
        arguments = {"depths": [2], "window_size": 8}
        table = {"layers.0.residual_group.blocks.0.attn.relative_position_bias_table": torch.zeros(15**2, 3)}
        index = {"layers.0.residual_group.blocks.0.attn.relative_position_index": torch.zeros(64, 64)}
        mask = {"layers.0.residual_group.blocks.1.attn_mask": torch.zeros(4, 64, 64)}
        assert LAYOUTS[encoder].training_patch(arguments, table) == {}  # unknown
        assert LAYOUTS[encoder].training_patch(arguments, table | index) == {"img_size": 8}
        assert LAYOUTS[encoder].training_patch(arguments, table | index | mask) == {"img_size": 16}


@pytest.mark.parametrize(("window", "key_step", "size"), [(4, 1, (8, 12)), (5, 1, (5, 10)), (6, 2, (12, 6))])
def test_mask_separates_what_the_shift_brought_together(window, key_step, size):
    shift = window // 2
    height, width = size
    mask = border_mask(height, width, window, shift, key_step, CPU)
    windows = [(y, width // window - 1) for y in range(height // window - 1)]
    windows += [(height // window - 1, x) for x in range(width // window)]
    assert mask.shape == (len(windows), window**2, (window // key_step) ** 2)
    key_shift = math.ceil(shift / key_step)
    for row, (y, x) in zip(mask, windows, strict=True):
        for query, key in [(0, 0), (0, -1), (window - 1, 0), (window**2 // 2, 1), (window**2 - 1, -1)]:
            qy, qx = divmod(query % window**2, window)
            ky, kx = divmod(key % (window // key_step) ** 2, window // key_step)
            apart = False
            for last, q, k in ((y == height // window - 1, qy, ky), (x == width // window - 1, qx, kx)):
                wrapped = (q >= window - shift, k >= window // key_step - key_shift)
                apart |= last and wrapped[0] != wrapped[1]
            assert row[query, key] == (-100 if apart else 0)


@pytest.mark.parametrize("grid", [(1, 1), (1, 3), (3, 1), (2, 3)])
def test_masked_windows_equal_attention_with_the_whole_mask(grid):
    q, k, v = torch.randn(3, 2, *grid, 2, 16, 6).unbind()
    bias = torch.randn(2, 16, 16)
    inside = torch.zeros(*grid, 16, 16)
    mask = border_mask(4 * grid[0], 4 * grid[1], 4, 2, 1, CPU)
    inside[:-1, -1], inside[-1] = mask.split((grid[0] - 1, grid[1]))
    logits = q @ k.mT / math.sqrt(6) + bias + inside.unsqueeze(2)
    torch.testing.assert_close(attend_windows(q, k, v, bias, mask), logits.softmax(-1) @ v)
    assert border(q).shape[1] == len(mask)


def test_filling_the_heads_with_zeros_changes_nothing():
    q, k, v = torch.randn(3, 2, 4, 9, 30).unbind()
    bias = torch.randn(4, 9, 9)
    filled = attend(*(F.pad(x, (0, 2)) for x in (q, k, v)), bias, scale=1 / math.sqrt(30))
    torch.testing.assert_close(filled[..., :30], attend(q, k, v, bias))


@pytest.mark.parametrize(("window", "base"), [((8, 8), (4, 4)), ((2, 2), (4, 4)), ((6, 8), (3, 2))])
def test_position_bias_of_hit_srf_equals_the_mean_over_all_pairs(window, base):
    correlation = SpatialChannelCorrelation(64, 2, window, base)
    pos = shaken(correlation.pos)
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in window), indexing="ij")
    places = torch.stack((rows.flatten(), columns.flatten()), dim=-1)
    differences = (places.unsqueeze(1) - places.unsqueeze(0)).float()
    pairs = pos.pos3(pos.pos2(pos.pos1(pos.pos_proj(differences))))  # (n,n,h)
    cells, cell = correlation.cells, correlation.cell
    pairs = pairs.view(len(places), cells[0], cell[0], cells[1], cell[1], 2).mean(dim=(2, 4))
    torch.testing.assert_close(pos(window, cell), pairs.flatten(1, 2).permute(2, 0, 1))


def test_drop_path_keeps_the_mean():
    drop = DropPath(0.25)
    branch = drop(torch.ones(4000, 2))
    assert branch.unique().tolist() == pytest.approx([0, 4 / 3])
    assert branch.mean() == pytest.approx(1, abs=0.05)
    assert (branch[:, 0] == branch[:, 1]).all()
    assert drop.eval()(branch) is branch


@pytest.mark.parametrize("encoder", [SwinIR, SRFormer, HAT])
def test_drop_path_grows_to_its_rate(encoder):
    with torch.device("meta"):
        rates = [module.rate for module in encoder().modules() if isinstance(module, DropPath)]
    assert rates == pytest.approx([0.1 * index / 35 for index in range(36)])


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (partial(SwinIR, 16, (2, 2), (2,)), "num_heads"),
        (partial(ATD, 16, (2,), (3,)), "num_heads 3"),
        (partial(SwinIR, 16, (2,), (2,), window_size=12, img_size=8), "window_size"),
        (partial(SRFormer, 16, (2,), (2,), window_size=5), "window_size"),
        (partial(SRFormer, 18, (2,), (2,)), "embed_dim"),
        (partial(HAT, 16, 8, depths=(2,), num_heads=(2,), overlap_ratio=0.4), "overlap_ratio"),
        (partial(HiTSRF, 32, 8, (3,), (2,), hier_win_ratios=(1, 2)), "hier_win_ratios"),
        (partial(HiTSRF, 32, 8, (2,), (2,), hier_win_ratios=(1, 1.5)), "hier_win_ratios"),
        (partial(HiTSRF, 32, 8, (1,), (5,)), "num_heads 5"),
    ],
)
def test_arguments_that_do_not_fit_are_named(make, named):
    with pytest.raises(InputError, match=named):
        make()
