"""PSNR over the scale: what a model serves, the values of the table, and what is left out and named."""

import csv
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from command_line import photographs
from igconv_sr.analysis.scale_curve import main, served_scales
from igconv_sr.data import BenchmarkImages, find_benchmarks
from igconv_sr.errors import InputError
from igconv_sr.metrics import STANDARD
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.super_resolver import SuperResolver
from saved_models import IGCONV_PLUS, SPCONV, save_model


def mean_psnr(net: SuperResolver, folder: Path, scale: float) -> float:
    """By the protocol, image by image, without the evaluation's own loop."""
    values = [
        STANDARD.score(net.fold([scale])(item.lr / 255, scale), item.hr.double() / 255, scale, item.gray)["psnr_y"]
        for item in BenchmarkImages(find_benchmarks(folder), [scale])
    ]
    return sum(value.item() for value in values) / len(values)


def test_scales_that_a_model_cannot_serve_are_told_with_the_reason(small_net: SRNet, tmp_path: Path) -> None:
    heads = save_model(tmp_path / "a.safetensors", upsampler=SPCONV, scales=(2, 3))
    found = served_scales(heads, [2, 3, 4])
    assert found.scales == [2, 3]
    assert found.refused == {4: "this model has no weights for ×4, only for ×2, ×3"}
    assert served_scales(small_net.eval(), [2, 5, 7]).scales == [2, 5, 7]
    assert served_scales(Bicubic(), [1.5, 8]) == ([1.5, 8], {})


def test_the_command_writes_table_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photographs(tmp_path / "Zoo" / "HR", side=96).parent
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    nets = [save_model(paths[0], upsampler=IGCONV_PLUS), save_model(paths[1], upsampler=SPCONV)]
    out = tmp_path / "out"
    main([*map(str, paths), "--benchmarks", str(folder), "--scales", "2:5:1,2.5", "-o", str(out), "--device", "cpu"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "Left out of the curve of edsr + spconv: ×2.5, ×5. Of ×2.5: " in printed
    with (out / "scale_curve.csv").open() as file:
        rows = {(row["model"], float(row["scale"])): row for row in csv.DictReader(file)}
    by_model = {
        name: [scale for model, scale in rows if model == name]
        for name in ("bicubic", "edsr + igconv", "edsr + spconv")
    }
    assert by_model["bicubic"] == [2, 2.5, 3, 4, 5]
    assert set(by_model["edsr + igconv"]) >= {2, 3, 4, 5}
    assert by_model["edsr + spconv"] == [2, 3, 4]
    for (name, scale), net in (
        (("bicubic", 2.5), Bicubic()),
        (("edsr + igconv", 5), nets[0]),
        (("edsr + spconv", 3), nets[1]),
    ):
        row = rows[name, scale]
        assert float(row["psnr_y"]) == pytest.approx(mean_psnr(net, folder, scale), abs=1e-4)
        assert (row["benchmark"], row["images"], row["protocol"]) == ("Zoo", "3", "standard")
    trained = {scale for (name, scale), row in rows.items() if name == "edsr + igconv" and row["trained"] == "True"}
    assert trained == {2, 3, 4}
    with Image.open(out / "scale_curve.png") as picture:
        assert picture.height > 800
    assert (out / "scale_curve.pdf").is_file()


def test_tiles_for_which_memory_sufficed_stand_in_the_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At ×2 the image has 48×48 pixels, as has a tile of 16 with 16 around it; at ×4 it has 24×24."""
    whole = Bicubic.forward

    def forward(net: Bicubic, lr: Tensor, scale: float) -> Tensor:
        if lr.shape[-2:].numel() > 40 * 40:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(net, lr, scale)

    monkeypatch.setattr(Bicubic, "forward", forward)
    save_model(tmp_path / "a.safetensors", upsampler=SPCONV, scales=(4,))
    folder = photographs(tmp_path / "Zoo" / "HR", count=1, side=96).parent
    out = tmp_path / "out"
    weights = str(tmp_path / "a.safetensors")
    main([weights, "--benchmarks", str(folder), "--scales", "2,4", "-o", str(out), "--device", "cpu"])
    with (out / "scale_curve.csv").open() as file:
        found = [(row["model"], row["scale"], row["protocol"].partition("-")[0]) for row in csv.DictReader(file)]
    bicubic = [("bicubic", "2", "standard+tile8"), ("bicubic", "4", "standard")]
    assert found == [*bicubic, ("edsr + spconv", "4", "standard")]


def test_where_no_model_serves_any_scale_there_is_no_curve(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_model(path, upsampler=SPCONV, scales=(2,))
    folder = photographs(tmp_path / "images")
    with pytest.raises(InputError, match=r"--scales: no model serves any of them; edsr \+ spconv: .*no weights for ×3"):
        main([str(path), "--benchmarks", str(folder), "--scales", "3,4", "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_models_of_one_name_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path, scales, seed in zip(paths, ((2,), (2, 3), (2, 3)), (0, 0, 1), strict=True):
        save_model(path, scales=scales, seed=seed)
    folder = photographs(tmp_path / "images", count=1)
    main([*map(str, paths), "--benchmarks", str(folder), "--scales", "2", "-o", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    for title in ("edsr + igconv ×2", "edsr + igconv ×2 ×3 seed 0", "edsr + igconv ×2 ×3 seed 1"):
        assert f"Evaluating {title} at ×2\n" in printed
