"""net.upscale: what goes in comes out larger, of the same kind."""

import gc
import io
import itertools
import struct
import subprocess
import sys
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torch import Tensor

import igconv_sr
from igconv_sr.encoders import EDSR
from igconv_sr.errors import InputError
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.upsamplers import IGConv
from igconv_sr.weights.packaged import find_weights


def lr(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_a_tensor_gives_what_the_network_gives(small_net: SRNet) -> None:
    image = lr(2, 3, 9, 7)
    torch.testing.assert_close(
        small_net.eval().upscale(image, 3), small_net(image, 3).clamp(0, 1), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("shape", [(3, 8, 6), (1, 8, 6), (4, 8, 6), (2, 3, 8, 6)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_tensors(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    image = (lr(*shape) * 255).to(dtype) if dtype == torch.uint8 else lr(*shape).to(dtype)
    result = Bicubic().upscale(image, 2)
    assert (result.dtype, tuple(result.shape)) == (dtype, (*shape[:-2], 16, 12))


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 1), (8, 6, 2), (8, 6, 3), (8, 6, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_arrays(shape: tuple[int, ...], dtype: type) -> None:
    largest = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    result = Bicubic().upscale((lr(*shape).numpy() * largest).astype(dtype), 2.5)
    assert (result.dtype, result.shape) == (dtype, (20, 15, *shape[2:]))
    assert result.max() > largest / 2


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_arrays_in_the_byte_order_of_other_machines(dtype: type) -> None:
    array = (lr(8, 6, 3).numpy() * (65535 if dtype == np.uint16 else 1)).astype(dtype)
    result = Bicubic().upscale(array.astype(array.dtype.newbyteorder()), 2)
    np.testing.assert_array_equal(result, Bicubic().upscale(array, 2))


def test_an_array_of_more_than_double_precision_is_refused() -> None:
    with pytest.raises(InputError, match="use uint8, uint16 or floating point"):
        Bicubic().upscale(np.ones((4, 4), np.longdouble), 2)


def test_bfloat16_is_resized_and_its_transparent_pixels_are_filled() -> None:
    image = lr(4, 20, 16).bfloat16()
    image[3, :10] = 0
    result = Bicubic().upscale(image, 2.71828)
    assert (result.dtype, tuple(result.shape)) == (torch.bfloat16, (4, 54, 43))
    torch.testing.assert_close(result.float(), Bicubic().upscale(image.float(), 2.71828), atol=4e-3, rtol=0)


@pytest.mark.filterwarnings("error")
def test_an_array_that_must_not_be_written_to() -> None:
    array = np.asarray(Image.new("RGB", (6, 5), (9, 9, 9)))
    assert not array.flags.writeable
    assert Bicubic().upscale(array, 2).max() == 9


def gray_inks() -> bytes:
    """A colour profile for CMYK in which all inks are gray: one table of 2 points per ink, from CMYK to CIELAB."""
    straight = bytes(range(256))
    table = b"".join(
        bytes((round(255 * (1 - black) * (1 - sum(inks) / 3)), 128, 128))
        for *inks, black in itertools.product((0, 1), repeat=4)
    )
    matrix = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    content = b"mft1\0\0\0\0\4\3\2\0" + matrix + 4 * straight + table + 3 * straight
    header = struct.pack(
        ">4x4xI4s4s4s12x4s28x3i48x", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp", 63190, 65536, 54061
    )
    tags = struct.pack(">I4sII", 1, b"A2B0", len(header) + 16, len(content))
    return struct.pack(">I", len(header + tags + content)) + (header + tags + content)[4:]


def test_inks_go_through_their_profile_and_do_not_keep_it() -> None:
    image = Image.new("CMYK", (6, 8), (255, 0, 0, 0))
    assert np.ptp(Bicubic().upscale(image, 2).getpixel((0, 0))) == 255  # cyan
    image.info["icc_profile"] = gray_inks()
    result = Bicubic().upscale(image, 2)
    assert np.ptp(result.getpixel((0, 0))) <= 2
    assert ImageCms.ImageCmsProfile(io.BytesIO(result.info["icc_profile"])).profile.xcolor_space == "RGB "


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pictures(mode: str) -> None:
    image = Image.new(mode, (6, 8), 20000 if mode == "I;16" else None)
    image.info["icc_profile"] = b"profile"
    result = Bicubic().upscale(image, "22/7")
    assert (result.mode, result.size, result.info["icc_profile"]) == (mode, (19, 25), b"profile")


def test_a_palette_with_alpha_keeps_it() -> None:
    image = Image.new("RGBA", (6, 8), (200, 100, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 3, 8))
    palette = image.quantize(4)
    result = Bicubic().upscale(palette, 2)
    assert (palette.mode, result.mode) == ("P", "RGBA")
    assert [result.getpixel((x, 0))[3] for x in (0, 11)] == [0, 255]


def test_changed_weights_give_another_result(small_net: SRNet) -> None:
    image = lr(3, 8, 8)
    before = small_net.upscale(image, 2)
    torch.testing.assert_close(small_net.upscale(image, 2), before, rtol=0, atol=0)
    with torch.no_grad():
        next(small_net.parameters()).mul_(2)
    assert (small_net.upscale(image, 2) - before).abs().max() > 1e-3


@pytest.mark.parametrize("fused", [False, True])
def test_trained_weights_give_another_result(small_net: SRNet, fused: bool) -> None:
    image = lr(3, 8, 8)
    before = small_net.upscale(image, 2)
    optimizer = torch.optim.Adam(small_net.parameters(), lr=0.01, fused=fused)
    small_net(image[None], 2).mean().backward()
    optimizer.step()
    assert (small_net.upscale(image, 2) - before).abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("mean", [None, (0.4, 0.4, 0.4)], ids=["no_mean", "mean"])
def test_weights_of_any_precision(dtype: torch.dtype, mean: tuple[float, ...] | None) -> None:
    torch.manual_seed(0)
    encoder = EDSR(num_feat=8, num_block=1)
    encoder.rgb_mean = mean
    net = SRNet(encoder, partial(IGConv, hidden_dim=16, num_layers=1), scales=(2,)).eval()
    expected = net.upscale(lr(3, 40, 40), 2, tile=16)
    torch.testing.assert_close(net.to(dtype).upscale(lr(3, 40, 40), 2, tile=16), expected, atol=0.02, rtol=0)


def test_a_network_of_inference_mode() -> None:
    image = lr(3, 8, 6)
    expected = igconv_sr.load("photo-small").upscale(image, 2.5)
    with torch.inference_mode():
        net = igconv_sr.load("photo-small")
        torch.testing.assert_close(net.upscale(image, 2.5), expected)
    torch.testing.assert_close(net.upscale(image, 2.5), expected)
    torch.testing.assert_close(net.fold([2.5]).upscale(image, 2.5), expected)


def test_a_network_that_nobody_holds_any_more_is_freed() -> None:
    net = SRNet(EDSR(num_feat=8, num_block=1), partial(IGConv, hidden_dim=16, num_layers=1), scales=(2,))
    net.upscale(lr(3, 8, 8), 2)
    held = weakref.ref(net)
    del net
    gc.collect()
    assert held() is None


@pytest.mark.parametrize(
    "image",
    [
        lr(8, 8),
        lr(5, 8, 8),
        torch.zeros(3, 8, 8, dtype=torch.int64),
        np.zeros((8, 8), np.int32),
        Image.new("L", (0, 8)),
        "photo.jpg",
    ],
)
def test_what_is_no_image_is_refused(image: object) -> None:
    with pytest.raises(InputError, match=r"no image|takes a PIL image"):
        Bicubic().upscale(image, 2)  # type: ignore[type-var]


@pytest.mark.parametrize("tile", [0, 2.5, "auto"])
def test_what_is_no_tile_is_refused(tile: Any) -> None:
    with pytest.raises(InputError, match=f"tile {tile} must be a whole number of LR pixels, 1 or more, or None"):
        Bicubic().upscale(lr(3, 8, 8), 2, tile=tile)


@pytest.mark.parametrize("scale", [0.5, 65, "two", float("nan")])
def test_scales_out_of_range_are_refused(scale: float | str) -> None:
    with pytest.raises(InputError, match="not a number from 1 to 64"):
        Bicubic().upscale(lr(3, 8, 8), scale)


def test_a_name_that_is_no_file_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import igconv_sr.weights.packaged as packaged

    (tmp_path / "some-model.safetensors").touch()
    monkeypatch.setattr(packaged, "_FOLDER", tmp_path)
    assert find_weights("some-model") == tmp_path / "some-model.safetensors"
    with pytest.raises(InputError, match=r"does not exist, and the packaged weights are some-model; did you mean"):
        igconv_sr.load("some-modl")


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, igconv_sr, igconv_sr.weights.packaged; print('torch' in sys.modules, 'PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
