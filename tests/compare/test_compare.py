"""Comparing two runs: the interval against NumPy, the pairing, and the picture of what differs most."""

import csv
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from scipy.stats import norm

from igconv_sr.commands import cli
from igconv_sr.compare.compare import main
from igconv_sr.compare.differences import differences, interval, pair_images, read_run
from igconv_sr.compare.largest_differences import of_net, picture_rows
from igconv_sr.data import find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import STANDARD
from igconv_sr.network import Bicubic
from igconv_sr.runs.results import source, write_results
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load_with_card, save_safetensors

HEADER = "benchmark,image,scale,psnr_y,ssim_y,psnr_rgb,ssim_rgb,protocol,model,upsampler,checkpoint,hr_file,lr_file"


def run_of(folder: Path, rows: list[str], protocol: str = "standard", header: str = HEADER) -> Path:
    """Writes a table of rows ``benchmark,image,scale,psnr_y,ssim_y``."""
    folder.mkdir()
    lines = [f"{row},20,,{protocol},bicubic,,,," for row in rows]
    (folder / "results_per_image.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


def test_the_interval_is_that_of_resampled_means() -> None:
    values = np.random.default_rng(5).exponential(size=23) - 0.4
    random = np.random.default_rng(99)
    means = values[random.integers(23, size=(200_000, 23))].mean(axis=1)
    assert interval(values) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.015)
    assert interval(values) == interval(values), "the same values give the same interval"
    assert interval(np.full(4, 0.25)) == (0.25, 0.25)
    assert interval(np.array([0.25])) == (None, None)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    found = [interval(random.normal(0.3, 1, size=40)) for _ in range(200)]
    covered = sum(low <= 0.3 <= high for low, high in found)  # type: ignore[operator]
    assert 0.88 * 200 <= covered <= 0.99 * 200
    widths = [high - low for low, high in found]  # type: ignore[operator]
    assert np.mean(widths) == pytest.approx(2 * norm.ppf(0.975) / np.sqrt(40), rel=0.06)


def test_differences_are_paired_by_image_whatever_the_order(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", ["S,x,2,30,0.9", "S,y,2,20,0.8", "S,x,3,10,0.5", "S,y,3,11,0.5"])
    b = run_of(tmp_path / "b", ["S,y,3,12,0.6", "S,y,2,20.5,0.8", "S,x,2,30.25,0.8", "S,x,3,11,0.6"])
    runs = read_run(a), read_run(b / "results_per_image.csv")
    found = {(row.scale, row.measure): row for row in differences(pair_images(*runs), "standard")}
    assert set(found) == {(scale, measure) for scale in (2, 3) for measure in ("psnr_y", "ssim_y", "psnr_rgb")}
    psnr = found[2, "psnr_y"]
    assert (psnr.benchmark, psnr.images, psnr.mean_a, psnr.mean_b) == ("S", 2, 25, 25.375)
    assert (psnr.difference, psnr.low, psnr.high) == (0.375, 0.25, 0.5)
    assert found[2, "ssim_y"].difference == pytest.approx(-0.05)
    assert found[3, "psnr_y"].difference == 1


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((["S,x,2,30,0.9"], "standard"), (["S,x,2,30,0.9"], "liif"), "by protocol standard and .* by liif"),
        ((["S,x,2,30,0.9"], "standard"), (["S,x,3,30,0.9"], "standard"), "share no benchmark at any scale"),
        ((["S,x,2,30,0.9", "S,y,2,1,1"], "standard"), (["S,x,2,30,0.9"], "standard"), "b/.* lacks y of S at ×2"),
        ((["S,x,2,30,0.9", "S,x,2,1,1"], "standard"), (["S,x,2,30,0.9"], "standard"), "a/.* holds x of S at ×2 twice"),
        ((["S,x,2,3o,0.9"], "standard"), (["S,x,2,30,0.9"], "standard"), "a/.*, line 2: psnr_y is '3o', not a number"),
        ((["S,x,2,inf,1"], "standard"), (["S,x,2,30,0.9"], "standard"), "psnr_y of x of S at ×2 is not finite"),
        (([], "standard"), (["S,x,2,30,0.9"], "standard"), "a/.* holds 0 protocols"),
    ],
)
def test_runs_that_do_not_fit_take_one_line(
    tmp_path: Path, a: tuple[list[str], str], b: tuple[list[str], str], message: str
) -> None:
    folders = [str(run_of(tmp_path / name, *given)) for name, given in (("a", a), ("b", b))]
    with pytest.raises(InputError, match=message) as refused:
        main([*folders, "-o", str(tmp_path / "out")])
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results_per_image\.csv does not exist; give the folder of a run"):
        read_run(tmp_path)
    folder = run_of(tmp_path / "a", [], header="benchmark,image")
    with pytest.raises(
        InputError, match=r"a/results_per_image\.csv, line 1: there is no column scale, protocol, model, upsampler"
    ):
        read_run(folder)


@pytest.mark.parametrize("flags", [["a"], ["a", "b", "--images", "-1"], ["a", "b", "--images", "x"], ["a", "b", "--x"]])
def test_wrong_flags_take_one_line(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["igconv-sr", "compare", *flags])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert "igconv-sr compare --help" in line


class Spoilt(Bicubic):
    """Bicubic that paints a square of each image black."""

    def forward(self, lr: torch.Tensor, scale: float) -> torch.Tensor:
        sr = super().forward(lr, scale).clone()
        sr[..., 200:280, 40:120] = 0
        return sr


@pytest.fixture
def evaluated(tmp_path: Path) -> Callable[..., Path]:
    """Evaluates a model on a folder of three large pictures."""
    folder = tmp_path / "Zoo" / "HR"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(3):
        coarse = Image.fromarray(random.integers(0, 256, (20, 20, 3), dtype=np.uint8))
        coarse.resize((320, 360), Image.Resampling.BICUBIC).save(folder / f"p{number}.png")

    def run(name: str, net: SuperResolver, checkpoint: str = "", card: ModelCard | None = None) -> Path:
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar"), False)
        zoo = find_benchmark(tmp_path / "Zoo")
        images = evaluate(net, [zoo], [2], Trainer(accelerator="cpu", devices=1, **quiet))
        write_results(images, source(card, 0, STANDARD.name, checkpoint), [zoo], tmp_path / name)
        return tmp_path / name

    return run


def test_the_picture_shows_where_the_runs_differ_most(evaluated: Callable[..., Path], tmp_path: Path) -> None:
    a, b = (read_run(evaluated(name, net)) for name, net in (("a", Bicubic()), ("b", Spoilt())))
    pairs = pair_images(a, b)
    rows = picture_rows(
        pairs, [of_net(net, Inference()) for net in (Bicubic(), Spoilt())], ["A", "B"], STANDARD, "psnr_y", 2
    )
    worst = sorted(pairs, key=lambda pair: -abs(pair.difference("psnr_y")))
    assert [row.label for row in rows] == [f"Zoo {pair.key[2]} ×2" for pair in worst[:2]]
    for row, pair in zip(rows, worst, strict=False):
        hr, ours, theirs = (panel.image for panel in row.panels)
        black = (theirs == 0).all(dim=0)
        assert black.sum() == 80 * 80, "the whole black square is inside the cut-out"
        assert torch.equal(ours[:, ~black], theirs[:, ~black])
        rows_of_black, columns_of_black = (black.any(dim=dim).nonzero().min().item() for dim in (1, 0))
        top, left = 200 - rows_of_black, 40 - columns_of_black
        file = np.asarray(Image.open(pair.a["hr_file"]))[top : top + 120, left : left + 120]
        assert np.array_equal((hr * 255).round().permute(1, 2, 0).numpy(), file)
        assert [panel.caption for panel in row.panels[1:]] == [f"{float(r['psnr_y']):.2f} dB" for r in (pair.a, pair.b)]


def test_the_table_fits_a_terminal_of_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, psnr in (("a", 31.25), ("b", 36.5)):
        run_of(Path(name), [f"Urban100,{image},2,{psnr + image},0.91" for image in range(3)])
    main(["a", "b", "--images", "0", "-o", "out"])
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("benchmark", "Urban100"))]
    assert len(table) == 4
    assert max(map(len, table)) <= 80


def test_the_command_writes_table_and_picture(
    evaluated: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upsampler = {"_target_": "igconv_sr.upsamplers.IGConv", "hidden_dim": 8, "num_layers": 1}
    encoder = {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 4, "num_block": 1}
    card = ModelCard(encoder, upsampler, [2], "edsr", "igconv", "none", 0)
    net = card.build().eval()
    save_safetensors(net, card, tmp_path / "net.safetensors")
    evaluated("a", Bicubic())
    evaluated("b", net, "net.safetensors", card)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["igconv-sr", "compare", "a", "b", "-o", "out", "--images", "2"])
    cli.main()
    printed = capsys.readouterr().out
    assert printed.splitlines()[-3:] == [
        "Differences out/compare.csv",
        "Images      out/compare.png",
        "Results in out",
    ]
    assert "A: bicubic (a/" in printed
    assert "B: edsr + igconv (b/" in printed
    with (tmp_path / "out" / "compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["measure"] for row in rows] == ["psnr_y", "ssim_y", "psnr_rgb"]
    for row in rows:
        assert (row["images"], row["protocol"]) == ("3", "standard")
        assert float(row["low"]) <= float(row["difference"]) <= float(row["high"]) < 0
        assert re.search(rf"{row['measure']} .* {float(row['difference']):+.4f}", printed)
    with Image.open(tmp_path / "out" / "compare.png") as picture:
        assert picture.width > picture.height > 500

    save_safetensors(net, card.after(6), tmp_path / "net.safetensors")
    with pytest.raises(SystemExit):
        cli.main()
    assert "net.safetensors is of step 6 by now, and was scored at step 0; --images 0" in capsys.readouterr().err
    (tmp_path / "net.safetensors").unlink()
    with pytest.raises(SystemExit):
        cli.main()
    assert "net.safetensors, named in b/results_per_image.csv, does not exist" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "out")
    evaluated("b", net, "photo-small", load_with_card("photo-small")[1])
    cli.main()
    assert (tmp_path / "out" / "compare.png").is_file(), "packaged weights are known by their names"
    shutil.rmtree(tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["igconv-sr", "compare", "a/results.csv", "b", "-o", "out", "--images", "0"])
    cli.main()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["compare.csv"]
