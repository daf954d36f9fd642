"""The engine: tiles give what the whole image gives, memory decides their size, errors of memory are survived."""

import gc
import itertools
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from igconv_sr.encoders import EDSR, PLKSR, RCAN, RDN, Encoder, HiTSRF, SMFANet, SwinIR
from igconv_sr.errors import InputError
from igconv_sr.inference import tile_size
from igconv_sr.inference.prepared import find_reach
from igconv_sr.inference.tile_size import largest_core
from igconv_sr.inference.tiles import Overlap, blended, step_of, tiles
from igconv_sr.inference.upscaler import Upscaler
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.upsamplers import IGConv, SPConv
from igconv_sr.upsamplers.igconv import FoldedIGConv
from igconv_sr.weights.checkpoint import load

BOUNDED = {
    "edsr": (lambda: EDSR(8, 2, 1.0), 2 * 2 + 3),
    "rdn": (lambda: RDN(8, 2, 2, 4), 2 + 2 * 2 + 1 + 1),
    "plksr": (lambda: PLKSR(8, 2, 7), 1 + 2 * (1 + 1 + 3 + 1) + 1),
}
"""With the LR pixels to each side that an output pixel depends on, the upsampler's included."""

UNBOUNDED = {
    "rcan": lambda: RCAN(num_feat=8, num_groups=1, num_blocks=2, reduction=2),
    "smfanet": lambda: SMFANet(8, 2),
    "swinir": lambda: SwinIR(embed_dim=12, depths=(2, 2), num_heads=(2, 2)),
    "hit_srf": lambda: HiTSRF(embed_dim=12, depths=(2,), num_heads=(2,)),
}


def network(encoder: Encoder) -> SRNet:
    torch.manual_seed(0)
    net = SRNet(encoder, partial(IGConv, hidden_dim=16, num_layers=1), scales=(2, 3, 4)).eval()
    with torch.no_grad():
        for weights in net.parameters():
            weights.mul_(1.5)  # so that distant pixels count
    return net


def picture(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(height, width, channels, generator=torch.Generator().manual_seed(1))


def whole(net: SRNet | Bicubic, pixels: Tensor, scale: Fraction, **options: object) -> Tensor:
    return torch.cat(list(Upscaler(net, **options).bands(pixels, scale)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", BOUNDED)
def test_the_reach_is_that_of_the_layers(name: str) -> None:
    encoder, expected = BOUNDED[name]
    assert find_reach(network(encoder()).fold([2]), Fraction(2)) == expected


@pytest.mark.parametrize("name", ["rcan", "smfanet"])
def test_what_looks_everywhere_has_no_reach(name: str) -> None:
    assert find_reach(network(UNBOUNDED[name]()).fold([2]), Fraction(2)) is None


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("scale", [2, 3])
def test_tiles_are_exact_for_bounded_networks(name: str, scale: int) -> None:
    net, pixels = network(BOUNDED[name][0]()), picture(77, 53)
    tiled = whole(net, pixels, Fraction(scale), tile=24)
    reference = net.fold([scale])(pixels.movedim(-1, 0)[None], scale)[0].movedim(0, -1).clamp(0, 1)
    assert (tiled - reference).abs().max() <= 1e-5
    assert len(list(Upscaler(net, tile=24).bands(pixels, Fraction(scale)))) == 4


@pytest.mark.parametrize("name", UNBOUNDED)
def test_tiles_of_unbounded_networks_differ_by_little(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    net = network(UNBOUNDED[name]())
    y, x = torch.meshgrid(torch.arange(150) / 9, torch.arange(130) / 7, indexing="ij")
    pixels = torch.stack((torch.sin(y), torch.sin(x), torch.sin(x + y)), dim=-1) / 2 + 0.5
    difference = (whole(net, pixels, Fraction(2), tile=64) - whole(net, pixels, Fraction(2))).abs()
    with capsys.disabled():
        print(f"\n  {name}, tiles of 64: mean {difference.mean():.1e}, largest {difference.max():.1e} of [0,1]", end="")
    assert difference.mean() < 2e-3
    assert difference.max() < 0.25


def test_blending_hides_seams() -> None:
    """A network that answers with a constant that depends on its tile: no step may be left."""

    class TileNumber(Bicubic):
        count = 0

        def forward(self, lr: Tensor, scale: float) -> Tensor:
            self.count += 1
            return super().forward(lr, scale) * 0 + self.count % 2

    upscaler = Upscaler(TileNumber(), tile=64)
    upscaler.prepare(Fraction(2)).reach = None
    result = torch.cat(list(upscaler.bands(picture(160, 160), Fraction(2))))
    assert result.max() - result.min() == 1
    steps = [(result.diff(dim=axis)).abs().max() for axis in (0, 1)]
    assert max(steps) <= 1 / 60


@pytest.mark.parametrize("scale", [Fraction(2), Fraction(5, 2), Fraction(22, 7)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_bicubic_tiles_at_any_scale_and_of_any_channels(scale: Fraction, channels: int) -> None:
    pixels = picture(90, 75, channels)
    tiled, at_once = (whole(Bicubic(), pixels, scale, tile=tile) for tile in (40, None))
    assert tiled.shape == (round(90 * scale), round(75 * float(scale) - 1e-9), channels)
    torch.testing.assert_close(tiled, at_once, rtol=0, atol=1e-5)


def test_tiles_cover_each_pixel_once_and_joints_fit() -> None:
    overlap = Overlap(seen=16, feather=8, step=8)
    found = list(tiles(24, 77, overlap))
    assert [joint for _, joint in found] == [16, 16, 13, 0]
    for (before, joint), (after, _) in itertools.pairwise(found):
        assert before.last - joint == after.first
    assert (found[0][0].first, found[-1][0].last) == (0, 77)


@pytest.mark.parametrize("budget", [1e6, 1e8, 1e9])
def test_the_tile_is_the_largest_that_fits(budget: float) -> None:
    overlap, size = Overlap(16, 0, 8), (4320, 7680)
    core = largest_core(size, overlap, per_pixel=2000, per_row=10_000, budget=budget)

    def needs(core: int) -> float:
        return (core + 32) ** 2 * 2000 + core * 10_000

    assert core == 32 or needs(core) <= budget < needs(int(core * 1.2))


@pytest.mark.parametrize(("denominator", "multiple", "step"), [(1, 1, 8), (1, 22, 88), (7, 1, 56), (25, 16, 25)])
def test_steps(denominator: int, multiple: int, step: int) -> None:
    overlap = blended(32)
    assert step_of(denominator, multiple) == step
    assert (overlap.seen, overlap.feather) == (32, 32)


class Refusing(Bicubic):
    """Has no memory for more than so many pixels."""

    def __init__(self, limit: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.limit, self.error, self.sizes = limit, error, []

    def forward(self, lr: Tensor, scale: float) -> Tensor:
        self.sizes.append(lr.shape[-2] * lr.shape[-1])
        if self.sizes[-1] > self.limit:
            raise self.error("[enforce fail] can't allocate memory")
        return super().forward(lr, scale)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_without_memory_the_tile_is_halved(error: type[Exception]) -> None:
    net, pixels, told = Refusing(100**2, error), picture(200, 170), []
    upscaler = Upscaler(net, say=told.append)
    result = torch.cat(list(upscaler.bands(pixels, Fraction(2))))
    torch.testing.assert_close(result, whole(Bicubic(), pixels, Fraction(2)), rtol=0, atol=1e-5)
    assert told == [
        "Memory ran out: tiles of 96 pixels from here on",
        "Memory ran out: tiles of 48 pixels from here on",
    ]
    first = len(net.sizes)
    list(upscaler.bands(pixels, Fraction(2)))
    assert max(net.sizes[first:]) <= net.limit  # the next image begins with what fits


def test_without_any_memory_one_line_says_so() -> None:
    with pytest.raises(InputError, match="memory is not enough even for tiles of 32"):
        whole(Refusing(600), picture(100, 100), Fraction(2))


def test_other_errors_are_not_taken_for_lack_of_memory() -> None:
    class Broken(Bicubic):
        def forward(self, lr: Tensor, scale: float) -> Tensor:
            raise RuntimeError(f"a mistake at {scale} of {lr.shape}")

    with pytest.raises(RuntimeError, match="a mistake"):
        whole(Broken(), picture(20, 20), Fraction(2))


def test_half_precision_that_overflows_is_redone_and_said() -> None:
    class Overflowing(Bicubic):
        def forward(self, lr: Tensor, scale: float) -> Tensor:
            sr = super().forward(lr, scale)
            return sr / 0 if torch.is_autocast_enabled("cpu") else sr

    told: list[str] = []
    pixels = picture(20, 30)
    result = whole(Overflowing(), pixels, Fraction(2), half=True, say=told.append)
    torch.testing.assert_close(result, whole(Bicubic(), pixels, Fraction(2)))
    assert len(told) == 1
    assert "single precision" in told[0]


def test_half_precision_is_near() -> None:
    net, pixels = network(EDSR(8, 1)), picture(20, 30)
    difference = (whole(net, pixels, Fraction(2), half=True) - whole(net, pixels, Fraction(2))).abs().max()
    assert 0 < difference < 0.05


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        whole(Bicubic(), torch.full((8, 8, 3), torch.nan), Fraction(2))


def test_kernels_are_generated_once_per_scale() -> None:
    class Counting(Bicubic):
        folds = 0

        def fold(self, scales: Sequence[float]) -> Bicubic:
            self.folds += 1
            return super().fold(scales)

    net = Counting()
    upscaler = Upscaler(net)
    for scale in (2, 3, 2, 3, 2):
        list(upscaler.bands(picture(5, 5), Fraction(scale)))
    assert net.folds == 2


def test_many_scales_do_not_fill_the_memory_with_kernels() -> None:
    upscaler = Upscaler(network(EDSR(8, 1)))
    before = {id(each) for each in gc.get_objects() if type(each) is FoldedIGConv}
    for width in range(20, 32):
        list(upscaler.bands(picture(3, 5), Fraction(width, 7)))
    gc.collect()
    kept = [each for each in gc.get_objects() if type(each) is FoldedIGConv and id(each) not in before]
    assert sorted(key for each in kept for key in each.kernels) == ["29/7", "30/7", "31/7", "4"]


def test_a_model_with_fixed_scales_is_asked_for_a_larger_one() -> None:
    net, told = SRNet(EDSR(4, 1), SPConv, scales=(2, 3)).eval(), []
    assert Upscaler(net, say=told.append).prepare(Fraction(5, 2)).scale == 3
    assert told == ["The model does not serve ×2.5: ×2.5 is computed at ×3 and reduced"]
    with pytest.raises(InputError, match="no weights for ×7/2, only for ×2, ×3"):
        Upscaler(net).prepare(Fraction(7, 2))


@pytest.mark.parametrize("least_and_more", [(1.5, 2, 3, 4), (2.5, 4)])
def test_below_its_training_a_model_is_asked_for_the_least_scale_of_it(least_and_more: tuple[float, ...]) -> None:
    net, told = SRNet(EDSR(4, 1), partial(IGConv, hidden_dim=8), scales=least_and_more).eval(), []
    upscaler, least = Upscaler(net, say=told.append), least_and_more[0]
    asked = (Fraction("1.25"), Fraction(least), Fraction(3))
    assert [upscaler.prepare(scale).scale for scale in asked] == [least, least, 3]
    assert told == [f"The model was not trained below ×{least}: ×1.25 is computed at ×{least} and reduced"]


@torch.no_grad()
@pytest.mark.parametrize("scale", ["3/2", "8/5", "2"])
def test_down_to_a_least_scale_below_2_the_network_is_used_directly(scale: str) -> None:
    torch.manual_seed(0)
    net, told = SRNet(EDSR(8, 1), partial(IGConv, hidden_dim=8), scales=(1.5, 2, 3, 4)).eval(), []
    pixels, exact = picture(10, 20), Fraction(scale)
    larger = whole(net, pixels, exact, say=told.append)
    expected = net(pixels.movedim(-1, 0)[None], float(exact))[0].movedim(0, -1).clamp(0, 1)
    torch.testing.assert_close(larger, expected, rtol=0, atol=1e-5)
    assert told == []


def test_transparent_colours_do_not_bleed() -> None:
    pixels = torch.zeros(16, 16, 4)
    pixels[4:12, 4:12] = torch.tensor([1.0, 0.5, 0.25, 1.0])  # on black that does not show
    result = whole(Bicubic(), pixels, Fraction(3))
    shown = result[result[..., 3] > 0]
    assert (shown[:, :3] - torch.tensor([1.0, 0.5, 0.25])).abs().max() < 1e-5


def test_opaque_stays_opaque_and_gray_gray() -> None:
    opaque = torch.cat((picture(20, 20, 3), torch.ones(20, 20, 1)), dim=-1)
    assert (whole(Bicubic(), (opaque * 255).to(torch.uint8), Fraction(3))[..., 3] == 255).all()
    gray = picture(20, 20, 1)
    expected = whole(Bicubic(), gray.expand(-1, -1, 3), Fraction(3)).mean(dim=-1, keepdim=True)
    torch.testing.assert_close(whole(Bicubic(), gray, Fraction(3)), expected)


_BOUNDED_MEMORY = """
import resource, sys
from fractions import Fraction
import numpy as np, torch
from igconv_sr.inference.memory import free_bytes
from igconv_sr.encoders import EDSR
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv
from igconv_sr.inference.upscaler import Upscaler
from functools import partial
from typing import Any
net = SRNet(EDSR(8, 1), partial(IGConv, hidden_dim=16, num_layers=1), (2, 3, 4)).eval()
list(Upscaler(net).bands(torch.zeros(300, 300, 3, dtype=torch.uint8), Fraction(4)))  # load all code
pixels = torch.zeros(1000, 1000, 3, dtype=torch.uint8)
taken = int(next(l for l in open("/proc/self/status") if l.startswith("VmSize")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (taken + 200 * 2**20,) * 2)
rows = bands = 0
for band in Upscaler(net).bands(pixels, Fraction(4)):
    rows, bands = rows + band.shape[0], bands + 1
print(rows, bands)
"""


def test_memory_stays_bounded() -> None:
    """In single precision the whole result takes 192 MB, once more before pixels are shuffled; 200 MiB are left."""
    done = subprocess.run([sys.executable, "-c", _BOUNDED_MEMORY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows, bands = map(int, done.stdout.split())
    assert rows == 4000
    assert bands > 2


def test_the_size_of_the_tile_follows_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    net, pixels = network(EDSR(8, 1)), picture(300, 300)
    counts = []
    for free in (2**24, 2**26, 2**40):
        monkeypatch.setattr(tile_size, "free_bytes", lambda _, free=free: free)
        counts.append(len(list(Upscaler(net).bands(pixels, Fraction(2)))))
    assert counts[0] > counts[1] > counts[2] == 1


def disc(side: int) -> "np.ndarray[Any, Any]":
    """Coverage of a disc of radius 0.35 · side by (side,side) pixels, in [0,1], by 16×16 samples each."""
    down, across = (np.mgrid[: 16 * side, : 16 * side] + 0.5) / 16 - side / 2
    inside = down**2 + across**2 <= (0.35 * side) ** 2
    return inside.reshape(side, 16, side, 16).mean(axis=(1, 3))


@pytest.fixture(scope="module")
def packaged() -> SRNet:
    net = load("photo-small")
    assert isinstance(net, SRNet)
    return net


def test_edges_of_alpha_are_those_of_the_network_and_flat_parts_exact(packaged: SRNet) -> None:
    alpha = np.round(255 * disc(64)).astype(np.uint8)
    white = np.full_like(alpha, 255)
    image = torch.from_numpy(np.dstack([white, white, white, alpha]))
    exact = 255 * disc(128)
    error = {}
    for bicubic in (True, False):
        larger = torch.cat(list(Upscaler(packaged, bicubic_alpha=bicubic).bands(image, Fraction(2)))).numpy()
        error[bicubic] = np.sqrt(np.mean((larger[..., 3] - exact) ** 2))
    assert error[False] < 0.4 * error[True]
    assert set(larger[:10, :, 3].flat) == {0}
    assert set(larger[50:78, 50:78, 3].flat) == {255}
    assert larger[..., :3][larger[..., 3] > 0].min() == 255


def test_alpha_that_is_the_same_everywhere_stays_so(packaged: SRNet) -> None:
    image = torch.randint(0, 256, (20, 24, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    image[..., 1] = 77
    larger = torch.cat(list(Upscaler(packaged).bands(image, Fraction(5, 2))))
    assert set(larger[..., 1].flatten().tolist()) == {77}


@pytest.mark.parametrize("tile", [None, 24])
@pytest.mark.parametrize("scale", [Fraction(2), Fraction(5, 2)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_a_texture_stays_seamless(packaged: SRNet, scale: Fraction, tile: int | None, dtype: torch.dtype) -> None:
    texture = torch.from_numpy(skimage.data.astronaut()[100:140, 100:150]).to(torch.int32)
    texture = (texture * (257 if dtype == torch.uint16 else 1)).to(dtype)
    tiled = texture.to(torch.int32).repeat(2, 2, 1).to(dtype)
    one = torch.cat(list(Upscaler(packaged, tile=tile, wrap="xy").bands(texture, scale))).to(torch.int32)
    four = torch.cat(list(Upscaler(packaged, wrap="xy").bands(tiled, scale))).to(torch.int32)
    plain = torch.cat(list(Upscaler(packaged).bands(texture, scale))).to(torch.int32)
    unit = 257 if dtype == torch.uint16 else 1
    assert (four - one.repeat(2, 2, 1)).abs().max() <= unit
    assert (plain - one).abs().max() > 3 * unit


def test_one_axis_alone_may_wrap(packaged: SRNet) -> None:
    texture = torch.from_numpy(skimage.data.astronaut()[100:140, 100:150].copy())
    across = torch.cat(list(Upscaler(packaged, wrap="x").bands(texture, Fraction(2)))).to(torch.int32)
    twice = torch.cat(list(Upscaler(packaged, wrap="x").bands(texture.repeat(1, 2, 1), Fraction(2)))).to(torch.int32)
    assert (twice - across.repeat(1, 2, 1)).abs().max() <= 1
    down = torch.cat(list(Upscaler(packaged, wrap="x").bands(texture.repeat(2, 1, 1), Fraction(2)))).to(torch.int32)
    assert (down - across.repeat(2, 1, 1)).abs().max() > 3
