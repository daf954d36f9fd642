"""CKA between encoders over images: against all features at once, in bounded memory; the command and its files."""

import csv
from pathlib import Path

import pytest
import torch
from PIL import Image

from command_line import photographs
from igconv_sr.analysis.cka import main
from igconv_sr.analysis.encoder_layers import LayerFeatures
from igconv_sr.analysis.similarity import layer_similarity, sample_positions
from igconv_sr.data import BenchmarkImages, find_benchmarks
from igconv_sr.errors import InputError
from igconv_sr.functional.cka import linear_cka
from igconv_sr.system.peak_memory import peak_bytes
from saved_models import SMFANET, SPCONV, save_model

CPU = torch.device("cpu")


def images_of(folder: Path, scale: float = 4) -> BenchmarkImages:
    return BenchmarkImages(find_benchmarks(folder), [scale])


def test_streamed_over_images_it_is_that_of_all_their_pixels(tmp_path: Path) -> None:
    images = images_of(photographs(tmp_path / "images", side=48))
    nets = [save_model(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (0, 1)]
    names = (["body.0", "body.1"], ["conv_first", "body.0", "body.1"])
    a, b = (LayerFeatures(net, own, CPU) for net, own in zip(nets, names, strict=True))
    found = layer_similarity(a, b, images, positions=10_000)
    assert (found.images, found.examples, found.with_itself) == (3, 3 * 12 * 12, False)
    assert found.matrix.shape == (2, 3)
    assert found.diagonal_mean is None
    pixels = torch.arange(144)
    xs, ys = (
        [torch.cat(parts) for parts in zip(*(side(item.lr / 255, pixels) for item in images), strict=True)]
        for side in (a, b)
    )
    for row, x in zip(found.matrix, xs, strict=True):
        for value, y in zip(row, ys, strict=True):
            assert value.item() == pytest.approx(linear_cka(x, y).item(), rel=1e-9)
            assert 0 < value < 0.999


def test_an_encoder_is_like_itself_and_fewer_positions_change_little(tmp_path: Path) -> None:
    images = images_of(photographs(tmp_path / "images"))
    net = save_model(tmp_path / "a.safetensors")
    side = LayerFeatures(net, ["conv_first", "body.0", "body.1"], CPU)
    whole, sampled, again = (layer_similarity(side, side, images, positions) for positions in (10_000, 150, 150))
    for found in (whole, sampled):
        assert torch.allclose(found.matrix.diagonal(), torch.ones(3, dtype=torch.float64), atol=1e-12)
        assert torch.allclose(found.matrix, found.matrix.mT, atol=1e-12)
    assert sampled.examples == 3 * 150
    assert torch.equal(sampled.matrix, again.matrix)
    assert not torch.equal(sampled.matrix, whole.matrix)
    assert (sampled.matrix - whole.matrix).abs().max() < 0.1


def test_positions_are_drawn_once_each_and_differ_between_images() -> None:
    drawn = sample_positions(100, 30, seed=1)
    assert len(drawn.unique()) == 30
    assert torch.equal(drawn, sample_positions(100, 30, seed=1))
    assert not torch.equal(drawn, sample_positions(100, 30, seed=2))
    assert sorted(sample_positions(5, 30, seed=0).tolist()) == [0, 1, 2, 3, 4]


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    side = LayerFeatures(save_model(tmp_path / "a.safetensors"), ["body.0", "body.1"], CPU)
    few, many = (images_of(photographs(tmp_path / str(count), count, side=96), 2) for count in (3, 24))
    peaks = [peak_bytes(lambda images=images: layer_similarity(side, side, images, 2304)) for images in (few, many)]  # type: ignore[misc]
    features_of_an_image = 2304 * 16 * 8
    assert peaks[1] - peaks[0] < features_of_an_image, "21 images more do not keep those of a single one"


def test_a_layer_without_variance_is_named(tmp_path: Path) -> None:
    images = images_of(photographs(tmp_path / "images"))
    net = save_model(tmp_path / "a.safetensors")
    for parameter in net.encoder.body[1].parameters():
        parameter.data.zero_()
    side = LayerFeatures(net, ["body.0", "body.1.conv2"], CPU)
    with pytest.raises(InputError, match=r"layer body\.1\.conv2 of A puts out the same at all positions"):
        layer_similarity(side, side, images, 100)


def test_the_command_writes_matrix_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photographs(tmp_path / "images")
    a, b, out = (str(tmp_path / name) for name in ("a.safetensors", "b.safetensors", "out"))
    save_model(Path(a))
    save_model(Path(b), SMFANET, SPCONV, scales=(3,))
    main([a, b, "--images", str(folder), "--scale", "2", "--positions", "50", "-o", out])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"A: edsr + igconv ×2 ×3 ×4 ({a}), layers body.0 … body.1"
    assert printed[1] == f"B: smfanet + spconv ×3 ({b}), layers feats.0 … feats.2"
    assert printed[2] == "150 positions of 3 images"
    assert printed[-1] == f"Results in {out}"
    with (tmp_path / "out" / "cka.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["layer_a"], row["name_b"]) for row in rows[:4]] == [
        ("1", "feats.0"),
        ("1", "feats.1"),
        ("1", "feats.2"),
        ("2", "feats.0"),
    ]
    assert len(rows) == 6
    assert all(0 <= float(row["cka"]) <= 1 and row["scale"] == "2" for row in rows)
    assert (tmp_path / "out" / "cka.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(tmp_path / "out" / "cka.png") as picture:
        assert picture.width > 600

    main([a, "--images", str(folder), "--layers", "body.*,conv_first", "-o", out])
    assert "1.000 in the first, 1.000 in the last, 1.000 in the mean" in capsys.readouterr().out
    with (tmp_path / "out" / "cka.csv").open() as file:
        assert [row["name_b"] for row in csv.DictReader(file)][:3] == ["conv_first", "body.0", "body.1"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--layers", "bodi.0"], r"--layers bodi\.0: EDSR has no layer of that name; did you mean body\.0"),
        (["--device", "abacus"], "--device abacus is none of"),
        (["--device", "meta"], "--device meta is none of"),
    ],
)
def test_mistakes_take_one_line(tmp_path: Path, flags: list[str], message: str) -> None:
    save_model(tmp_path / "a.safetensors")
    folder = photographs(tmp_path / "images")
    with pytest.raises(InputError, match=message) as refused:
        main([str(tmp_path / "a.safetensors"), "--images", str(folder), "-o", str(tmp_path / "out"), *flags])
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scale", ["2.71828", "67/66", "0.5"])
def test_a_scale_that_data_lack_takes_one_line(capsys: pytest.CaptureFixture[str], scale: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["a.safetensors", "--images", "folder", "--scale", scale])
    assert f"scale {scale} is not a" in capsys.readouterr().err.replace("'", "")


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_model(path)
    with pytest.raises(InputError, match="is given 2 times"):
        main([str(path), str(path), "--images", str(photographs(tmp_path / "images"))])
