"""igconv-sr upscale: formats and what they carry, outputs, and a batch with hostile files."""

import io
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from kornia_rs.io import read_image_png_u16, write_image_png_u16
from PIL import ExifTags, Image, ImageCms

from conftest import relative_error
from igconv_sr.errors import InputError
from igconv_sr.pictures.reading import read_picture
from igconv_sr.system.console import printable
from igconv_sr.upscale.planning import plan
from igconv_sr.upscale.upscale import main
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load, save_safetensors

CARD = ModelCard(
    {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 4, "num_block": 1},
    {"_target_": "igconv_sr.upsamplers.IGConv", "_partial_": True, "hidden_dim": 8, "num_layers": 1},
    [2, 3, 4],
    "edsr",
    "igconv",
    "nothing",
    0,
)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EDSR with 4 channels, trained at nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_safetensors(CARD.build(), CARD, path)
    return path


class Done(NamedTuple):
    status: int
    out: str

    @property
    def failures(self) -> list[str]:
        return [line.removeprefix("  failed: ") for line in self.out.splitlines() if line.startswith("  failed: ")]


def smooth(height: int, width: int, channels: int = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture (H,W,C) without sharp edges."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 6, (3, channels))
    y, x = np.ogrid[:height, :width]
    waves = np.sin(0.21 * y[..., None] + phase[0]) + np.sin(0.17 * x[..., None] + phase[1])
    return ((waves + 2) * 63.75).astype(np.uint8)


@pytest.fixture
def upscale(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the command in an empty folder, with the small model."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        status = 0
        try:
            main([*arguments, "--weights", str(weights)])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        return Done(status, capsys.readouterr().out)

    return run


Run = Callable[..., Done]

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def opened(name: str) -> Image.Image:
    image = Image.open(name)
    image.load()
    return image


def test_the_result_is_the_networks(upscale: Run, weights: Path) -> None:
    Image.fromarray(smooth(31, 23)).save("a.png")
    done = upscale("a.png", "--scale", "3")
    assert done.status == 0
    assert "1 picture written, 0 failed" in done.out
    lr = torch.from_numpy(smooth(31, 23)).movedim(-1, 0)[None] / 255
    with torch.no_grad():
        expected = (load(weights)(lr, 3).clamp(0, 1) * 255 + 0.5).floor()[0].movedim(0, -1)
    found = torch.from_numpy(np.array(opened("a_x3.png"))).float()
    assert (found - expected).abs().max() <= 1
    assert (found != expected).float().mean() < 1e-3


@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_profile_and_exif_are_kept(upscale: Run, form: str, orientation: int) -> None:
    upright = smooth(24, 40)
    inverse = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}  # what undoes showing it
    others = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 7: Image.Transpose.TRANSVERSE,
    }  # fmt: skip
    turn = (inverse | others).get(orientation)
    stored = Image.fromarray(upright) if turn is None else Image.fromarray(upright).transpose(turn)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    exif.get_ifd(0x8769).update({0xA002: stored.width, 0x9003: "2026:01:02 03:04:05"})
    stored.save("a.png", exif=exif, icc_profile=SRGB)
    Image.fromarray(upright).save("upright.png")
    assert upscale("a.png", "upright.png", "-o", "out", "--scale", "2", "--format", form).status == 0
    found, plain = opened(f"out/a_x2.{form}"), opened(f"out/upright_x2.{form}")
    np.testing.assert_array_equal(np.array(found), np.array(plain))
    assert found.info["icc_profile"] == SRGB
    assert found.getexif().get(0x0112, 1) == 1
    assert found.getexif()[0x010F] == "Maker"
    assert dict(found.getexif().get_ifd(0x8769)) == {0x9003: "2026:01:02 03:04:05"}


@pytest.mark.parametrize("mode", ["mono", "rgb", "rgba"])
def test_16_bits_stay_16_bits(upscale: Run, weights: Path, mode: str) -> None:
    channels = {"mono": 1, "rgb": 3, "rgba": 4}[mode]
    deep = smooth(20, 30, channels).astype(np.uint16) * 257 + 3
    write_image_png_u16("deep.png", deep, mode)
    assert upscale("deep.png", "--scale", "2").status == 0
    found = read_image_png_u16("deep_x2.png", mode)
    assert found.shape == (40, 60, channels)
    lr = torch.from_numpy(deep.astype(np.float32))[..., : min(channels, 3)].movedim(-1, 0)[None] / 65535
    with torch.no_grad():
        expected = load(weights)(lr.expand(1, 3, -1, -1), 2)[0].movedim(0, -1)
    expected = (expected.mean(-1, keepdim=True) if mode == "mono" else expected).clamp(0, 1)
    assert relative_error(torch.from_numpy(found[..., :3].astype(np.float32)) / 65535, expected) < 2e-5
    assert len(np.unique(found & 255)) > 50  # the low bytes are used


def write_png(
    name: str, pixels: npt.NDArray[np.uint16], *chunks: tuple[bytes, bytes], interlaced: bool = False
) -> None:
    """16 bits; in rows without filter, or in the seven passes of Adam7, further chunks before them."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, interlaced)
    adam7 = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    passes = [pixels[top::down, left::right] for top, down, left, right in adam7] if interlaced else [pixels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for part in passes if part.size for row in part)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    written = b"\x89PNG\r\n\x1a\n"
    for kind, body in parts:
        written += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    Path(name).write_bytes(written)


@pytest.mark.parametrize("interlaced", [False, True])
def test_16_bit_gray_with_alpha_is_read_to_the_last_bit(tmp_path: Path, interlaced: bool) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (13, 11, 2), dtype=np.uint16)
    background = (b"bKGD", b"\0\1")
    write_png(str(tmp_path / "la.png"), deep, background, interlaced=interlaced)
    assert np.array_equal(read_picture(tmp_path / "la.png", "la.png").pixels, deep)


def test_16_bits_with_transparency_stay_16_bits(upscale: Run) -> None:
    gray = smooth(20, 30, 1).astype(np.uint16) * 257 + 3
    gray[:, :10] = 300
    rgb = np.repeat(gray, 3, axis=2)
    opaque = (gray != 300).astype(np.uint16) * 65535
    write_png("la.png", np.concatenate((gray, opaque), axis=2))
    write_png("gray.png", gray, (b"tRNS", struct.pack(">H", 300)))
    write_png("rgb.png", rgb, (b"tRNS", struct.pack(">3H", 300, 300, 300)))
    write_png("rgba.png", np.concatenate((rgb, opaque), axis=2))
    assert upscale("la.png", "gray.png", "rgb.png", "rgba.png", "--scale", "2").status == 0
    la, by_shade = (read_picture(Path(name), name).pixels for name in ("la_x2.png", "gray_x2.png"))
    assert (la.dtype, la.shape) == (np.uint16, (40, 60, 2))
    assert np.array_equal(la, by_shade)
    rgba, by_colour = (read_image_png_u16(name, "rgba") for name in ("rgba_x2.png", "rgb_x2.png"))
    assert np.array_equal(rgba, by_colour)
    assert np.array_equal(rgba[..., 3], la[..., 1])
    assert [la[20, 5, 1], la[20, 50, 1]] == [0, 65535]


def test_16_bit_tiff_and_what_cannot_keep_its_bits(upscale: Run) -> None:
    import tifffile  # of scikit-image

    deep = smooth(20, 30).astype(np.uint16) * 257
    tifffile.imwrite("rgb.tif", deep, photometric="rgb")
    tifffile.imwrite("gray.tif", deep[..., 0], photometric="minisblack")
    tifffile.imwrite("planes.tif", np.moveaxis(deep, -1, 0).copy(), photometric="rgb", planarconfig="separate")
    tifffile.imwrite("float.tif", deep[..., 0].astype(np.float32))
    done = upscale("rgb.tif", "gray.tif", "planes.tif", "float.tif", "--scale", "2")
    assert done.status == 1
    assert read_image_png_u16("rgb_x2.png", "rgb").max() > 255
    assert opened("gray_x2.png").mode == "I;16"
    assert [line.split(" holds")[0] for line in done.failures] == ["planes.tif", "float.tif"]
    assert "16 bits per channel, and jpg holds 8" in upscale("rgb.tif", "--scale", "2", "--format", "jpg").failures[0]


def test_modes(upscale: Run) -> None:
    image = Image.fromarray(smooth(24, 24))
    image.convert("L").save("gray.png")
    image.convert("1").save("bits.png")
    image.quantize(16).save("palette.png")
    image.convert("CMYK").save("inks.tif")
    image.quantize(16).save("clear.gif", transparency=0)
    image.convert("RGBA").save("opaque.png")
    frames = [image, image.rotate(90)]
    frames[0].save("moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    frames[0].save("moving.avif", save_all=True, append_images=frames[1:])
    names = ("gray.png", "bits.png", "palette.png", "inks.tif", "clear.gif", "opaque.png", "moving.webp", "moving.avif")
    done = upscale(*names, "--scale", "2")
    assert done.status == 0, done.out
    modes = {path.name.removesuffix("_x2.png"): opened(str(path)).mode for path in Path().glob("*_x2.png")}
    assert modes == {
        "gray": "L", "bits": "L", "palette": "RGB", "inks": "RGB", "clear": "RGBA", "opaque": "RGBA",
        "moving.webp": "RGB", "moving.avif": "RGB",
    }  # fmt: skip
    assert np.array(opened("opaque_x2.png"))[..., 3].min() == 255
    for name in ("moving.webp", "moving.avif"):
        assert f"{name} (the first of several pictures)" in done.out
    assert opened("gray_x2.png").size == (48, 48)


def test_transparency_and_jpg(upscale: Run) -> None:
    Image.fromarray(np.dstack([smooth(20, 20), np.full((20, 20), 128, np.uint8)])).save("half.png")
    Image.fromarray(np.dstack([smooth(20, 20), np.full((20, 20), 255, np.uint8)])).save("whole.png")
    done = upscale("half.png", "whole.png", "--scale", "2", "--format", "jpg")
    assert opened("whole_x2.jpg").mode == "RGB"
    assert done.failures == ["half.png: has transparent parts, and jpg holds none; use --format png or webp"]


def test_a_profile_for_gray_is_kept_where_the_format_holds_it(upscale: Run) -> None:
    """WebP stores gray as RGB, for which such a profile means nothing."""
    profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    Image.fromarray(smooth(10, 10)).convert("L").save("a.png", icc_profile=profile)
    for form in ("png", "jpg"):
        assert upscale("a.png", "--scale", "2", "--format", form).status == 0
        assert opened(f"a_x2.{form}").info["icc_profile"] == profile
    done = upscale("a.png", "--scale", "2", "--format", "webp")
    assert done.failures == ["a.png: has a colour profile for gray, and webp holds RGB alone; use --format png or jpg"]


def test_more_exif_than_jpg_holds_stops_one_picture_only(upscale: Run) -> None:
    exif = Image.Exif()
    for name, length in (("a.png", 65526 - 26), ("b.png", 65528 - 26)):
        exif[ExifTags.Base.ImageDescription] = "x" * (length - 1)  # and a zero behind it
        Image.fromarray(smooth(10, 10)).save(name, exif=exif)
    done = upscale("b.png", "a.png", "--scale", "2", "--format", "jpg")
    assert done.failures == ["b.png: has 65528 bytes of EXIF, and jpg holds 65527; use --format png or webp"]
    assert len(opened("a_x2.jpg").getexif()[ExifTags.Base.ImageDescription]) > 65000


@pytest.mark.parametrize(
    ("flags", "size", "name"),
    [
        (("--width", "101"), (101, 76), "a_w101.png"),
        (("--height", "45"), (60, 45), "a_h45.png"),
        (("--scale", "2.5"), (100, 75), "a_x2.5.png"),
        (("--scale", "22/7"), (126, 94), "a_x22-7.png"),
    ],
)
def test_sizes(upscale: Run, flags: tuple[str, str], size: tuple[int, int], name: str) -> None:
    Image.fromarray(smooth(30, 40)).save("a.png")
    assert upscale("a.png", *flags).status == 0
    assert opened(name).size == size


def test_sizes_that_are_no_enlargement(upscale: Run) -> None:
    Image.fromarray(smooth(30, 40)).save("a.png")
    assert "is 40 pixels wide, and is only enlarged" in upscale("a.png", "--width", "40").failures[0]
    assert "more than 64 times" in upscale("a.png", "--width", "4000").failures[0]


def test_nothing_is_overwritten_unless_asked(upscale: Run) -> None:
    Image.fromarray(smooth(10, 10)).save("a.png")
    Path("a_x2.png").write_text("precious")
    done = upscale("a.png", "--scale", "2")
    assert done.status == 1
    assert "a_x2.png exists already; give --overwrite" in done.failures[0]
    assert Path("a_x2.png").read_text() == "precious"
    assert upscale("a.png", "--scale", "2", "--overwrite").status == 0
    assert opened("a_x2.png").size == (20, 20)


def test_outputs_never_collide(upscale: Run) -> None:
    for name in ("in/a.png", "in/a.jpg", "other/a.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.fromarray(smooth(10, 10)).save(name)
    done = upscale("in", "other", "-o", "out", "--scale", "2")
    assert names("out") == ["a.jpg_x2.png", "a.png_x2.png"]
    assert done.failures == [
        "other/a.png: would be written to the same file as in/a.png; give another -o",
    ]


def test_a_folder_twice_enlarges_nothing_twice(upscale: Run) -> None:
    Path("in").mkdir()
    Image.fromarray(smooth(10, 10)).save("in/a.png")
    assert upscale("in", "--scale", "2").status == 0
    assert upscale("in/*.png", "--scale", "2", "--overwrite").status == 0
    assert names("in") == ["a.png", "a_x2.png"]


def test_results_of_an_earlier_run_are_known_whatever_they_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in ("a.png", "a.jpg", "b.png", "a.png_x2.png", "a.jpg_x2.png", "b_x2.png"):
        Path("in", name).touch()
    absolute = str(Path("in").absolute())
    for inputs, output in (("in", None), (absolute, "in"), ("in", absolute), ("in/*", None), ("in/../in", "in")):
        jobs, notices = plan([inputs], output, "x2", None)
        assert [job.source.name for job in jobs if job.source] == ["a.jpg", "a.png", "b.png"], (inputs, output)
        assert "3 results of this very command" in notices[0]


def test_a_folder_by_way_of_a_link_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in/deep").mkdir(parents=True)
    Path("in/deep/a.png").touch()
    Path("in/link").symlink_to("deep")
    assert len(plan(["in/deep/a.png", "in/link/../deep/a.png", "in/link/a.png"], None, "x2", None).jobs) == 1
    assert len(plan(["in/**/*.png"], None, "x2", None).jobs) == 1
    targets = [str(job.target) for job in plan(["in/**/*.png"], "out", "x2", None).jobs]
    assert targets == ["out/deep/a_x2.png", "out/link/a_x2.png"]


def test_what_is_not_used_of_a_folder_is_counted_and_named(upscale: Run) -> None:
    Path("in/deeper").mkdir(parents=True)
    Image.fromarray(smooth(10, 10)).save("in/a.png")
    for name in ("._a.png", ".DS_Store", "a.heic", "b.psd", "c.txt", "d.mp4"):
        Path("in", name).touch()
    flags = ("in", "--scale", "2", "--overwrite")
    first = [line for line in upscale(*flags).out.splitlines() if line.startswith("Notice")]
    assert first == [
        "Notice: not used of in: 1 hidden one (._a.png); 4 files that are no pictures by their names "
        "(a.heic, b.psd, c.txt and 1 more); 1 folder in it (deeper)"
    ]
    again = [line for line in upscale(*flags).out.splitlines() if line.startswith("Notice")]
    assert again == [f"{first[0]}; 1 result of this very command (a_x2.png)"]


def test_a_pattern_finds_subfolders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "in/b.jpg", "in/deep/c.jpg", "in/[d].jpg"):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).touch()
    assert [str(job.source) for job in plan(["in/**/*.jpg"], None, "x2", None).jobs] == [
        "in/[d].jpg", "in/b.jpg", "in/deep/c.jpg",
    ]  # fmt: skip
    assert [str(job.source) for job in plan(["in/[d].jpg"], None, "x2", None).jobs] == ["in/[d].jpg"]


def hostile(folder: Path) -> None:
    folder.mkdir()
    good = Image.fromarray(smooth(24, 24))
    good.save(folder / "good.png")
    content = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    (folder / "header.png").write_bytes(content[:20])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture")
    (folder / "folder.png").mkdir()
    good.crop((0, 0, 1, 1)).save(folder / "pixel.png")
    Image.fromarray(smooth(2000, 3)).save(folder / "tall.png")
    good.save(folder / "blank 'quote\" é\n\x1b[31m[bold].png")
    chunk = bytearray(content)
    chunk[16:24] = (30000).to_bytes(4, "big") * 2
    chunk[29:33] = zlib.crc32(chunk[12:29]).to_bytes(4, "big")
    (folder / "bomb.png").write_bytes(chunk)


def test_a_batch_with_hostile_files_is_done(upscale: Run) -> None:
    hostile(Path("in"))
    done = upscale("in", "nowhere.png", "-o", "out", "--scale", "2")
    assert done.status == 1
    written = ["blank 'quote\" é\n\x1b[31m[bold]_x2.png", "good_x2.png", "pixel_x2.png", "tall_x2.png"]
    assert names("out") == written
    assert opened("out/tall_x2.png").size == (6, 4000)
    assert "\x1b" not in done.out
    assert "4 pictures written, 7 failed" in done.out
    reasons = ("too large", "cannot be decoded", "is empty", "is a folder", "", "not an image", "does not exist")
    for line, reason in zip(done.failures, reasons, strict=True):
        assert reason in line
    assert len(done.out.splitlines()) == 4 + 1 + 7


@pytest.mark.parametrize("output", ["/proc/nothing", "file/below", "file"])
def test_folders_that_cannot_be_written_to(upscale: Run, output: str) -> None:
    Path("file").touch()
    Image.fromarray(smooth(10, 10)).save("a.png")
    with pytest.raises(InputError, match=rf"a\.png cannot become {output}/a_x2\.png: \w+"):
        upscale("a.png", "-o", output, "--scale", "2")
    assert names(".") == ["a.png", "file"]


@pytest.mark.parametrize("arguments", [("",), ("a.png", ""), ("a.png", "-o", "")])
def test_an_empty_name_is_not_the_working_directory(upscale: Run, arguments: tuple[str, ...]) -> None:
    Image.fromarray(smooth(10, 10)).save("a.png")
    with pytest.raises(InputError, match="a name is empty, perhaps a variable of the shell that is not set"):
        upscale(*arguments)
    assert names(".") == ["a.png"]


def test_a_bad_argument_does_not_stop_the_others(upscale: Run) -> None:
    Path("dir.png").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(smooth(10, 10)).save(name)
    done = upscale("a.png", "dir.png", "no*.png", "b.png", "--scale", "2")
    assert done.status == 1
    assert names(".") == ["a.png", "a_x2.png", "b.png", "b_x2.png", "dir.png"]
    assert ["holds no image file" in done.failures[0], "matches no file" in done.failures[1]] == [True, True]


def test_a_name_that_the_system_refuses_does_not_stop_the_others(upscale: Run) -> None:
    Image.fromarray(smooth(10, 10)).save("a.png")
    long = f"{'x' * 300}.png"
    done = upscale(long, "a.png", "-o", "out", "--scale", "2")
    assert done.failures == [f"{long}: cannot be looked at: File name too long"]
    assert names("out") == ["a_x2.png"]


def test_videos_are_told_apart_from_damaged_pictures(upscale: Run) -> None:
    Path("my clip.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    Path("clip.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    Image.fromarray(smooth(10, 10)).save("a.png")
    with pytest.raises(InputError, match=r"clip\.mp4 is a video: .*ffmpeg -i 'my clip\.mp4' frames/%06d\.png"):
        upscale("my clip.mp4")
    done = upscale("a.png", "clip.mp4", "--scale", "2")
    assert done.status == 1
    assert "1 picture written, 1 failed" in done.out


def test_a_pattern_keeps_its_folders_and_finished_pictures_are_skipped(upscale: Run) -> None:
    for folder in ("rec/one", "rec/two"):
        Path(folder).mkdir(parents=True)
        Image.fromarray(smooth(10, 10)).save(f"{folder}/1.png")
        Path(folder, "._1.png").write_bytes(b"of the system")
    flags = ("rec/**/*.png", "-o", "out", "--scale", "2", "--skip-existing")
    assert upscale(*flags).status == 0
    written = [str(path.relative_to("out")) for path in sorted(Path("out").rglob("*.png"))]
    assert written == ["one/1_x2.png", "two/1_x2.png"]
    Path("out/two/1_x2.png").unlink()
    before = Path("out/one/1_x2.png").stat().st_mtime_ns
    done = upscale(*flags)
    assert done.status == 0
    assert "1 of the results are there already" in done.out
    assert "1 picture written, 0 failed" in done.out
    assert Path("out/one/1_x2.png").stat().st_mtime_ns == before
    assert upscale(*flags).out == "2 of the results are there already and are left as they are\n"


@pytest.mark.parametrize("form", ["AVIF", "JPEG2000", "PPM", "TGA"])
def test_further_formats_are_read(upscale: Run, form: str) -> None:
    suffix = {"AVIF": "avif", "JPEG2000": "jp2", "PPM": "ppm", "TGA": "tga"}[form]
    Path("in").mkdir()
    Image.fromarray(smooth(10, 12)).save(f"in/a.{suffix}", form)
    assert upscale("in", "-o", "out", "--scale", "2").status == 0
    assert Image.open("out/a_x2.png").size == (24, 20)


def test_from_standard_input_to_standard_output(weights: Path, tmp_path: Path) -> None:
    source = io.BytesIO()
    Image.fromarray(smooth(12, 10)).save(source, "PNG")
    command = [sys.executable, "-m", "igconv_sr", "upscale", "-", "--scale", "2", "--weights", str(weights)]
    done = subprocess.run(command, input=source.getvalue(), capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Image.open(io.BytesIO(done.stdout)).size == (20, 24)
    assert b"1 picture written" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "closed", "named"),
    [
        (("-", "-o", "b.png"), "<&-", "- is standard input, which is closed"),
        (("a.png", "-o", "-"), ">&-", "output, which"),
    ],
)
def test_closed_streams_take_one_line(tmp_path: Path, flags: tuple[str, ...], closed: str, named: str) -> None:
    Image.fromarray(smooth(12, 10)).save(tmp_path / "a.png")
    command = ["/bin/sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "igconv_sr", "upscale", *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, named in done.stderr, done.stderr.count("\n")) == (1, True, 1)


def test_a_name_that_the_terminal_cannot_show_is_no_failure(tmp_path: Path) -> None:
    Image.fromarray(smooth(12, 10)).save(tmp_path / "ümlaut.png")
    command = [sys.executable, "-m", "igconv_sr", "upscale", "ümlaut.png", "-o", "out", "--device", "cpu"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\xfcmlaut.png: 10\xd712 to 20\xd724" in done.stdout


def test_being_ended_leaves_whole_pictures_only(tmp_path: Path) -> None:
    Image.fromarray(smooth(1200, 900)).save(tmp_path / "a.png")
    command = [sys.executable, "-m", "igconv_sr", "upscale", "a.png", "-o", "out", "--tile", "64", "--device", "cpu"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not any((tmp_path / "out").glob("*.partial")):
            time.sleep(0.01)
        process.terminate()
    assert (process.returncode, list((tmp_path / "out").iterdir())) == (143, [])


@pytest.mark.parametrize(
    ("number", "status", "told"), [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "igconv-sr: interrupted\n")]
)
def test_being_ended_while_waiting_for_standard_input_ends_it(
    tmp_path: Path, number: signal.Signals, status: int, told: str
) -> None:
    command = [sys.executable, "-m", "igconv_sr", "upscale", "-", "-o", "a.png", "--device", "cpu"]
    not_ignored = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # as in the background of a shell
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=tmp_path, text=True, preexec_fn=not_ignored, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # it names the model once it is ready
        time.sleep(0.5)
        process.send_signal(number)
        try:
            assert process.wait(30) == status
        finally:
            process.kill()
        assert process.stderr.read() == told


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("a.png").touch()
    jobs, _ = plan(["pipe", "/dev/null", "a.png"], "out", "x2", None)
    reason = "is a pipe or a device, no file; - reads what is redirected to standard input"
    assert [job.problem for job in jobs] == [reason, reason, ""]


def test_a_file_in_several_spellings_is_enlarged_once(upscale: Run) -> None:
    Image.fromarray(smooth(10, 10)).save("a.png")
    done = upscale(".", "./a.png", str(Path("a.png").absolute()), "a.png", "--scale", "2")
    assert (done.status, names(".")) == (0, ["a.png", "a_x2.png"])


def test_terminal_characters_are_shown_as_escapes() -> None:
    assert printable("a\u202e\x07\r\n\udc80é 😀") == "a\\u202e\\x07\\r\\n\\udc80é 😀"
