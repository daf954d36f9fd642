"""Finished pictures score as the model that made them, whatever tree they lie in, and never as another image."""

import csv
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igconv_sr.commands import cli
from igconv_sr.data import BenchmarkImages, find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.evaluation.finished_pictures import score_pictures
from igconv_sr.metrics import STANDARD
from igconv_sr.metrics.perceptual import PerceptualMetrics
from igconv_sr.network import Bicubic

NAMES = ("baby", "baby_2", "bird")
SCALES = (2, 3)


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "Zoo" / "HR").mkdir(parents=True)
    for name in NAMES:
        smooth = Image.fromarray(rng.integers(0, 256, (9, 8, 3), np.uint8)).resize((48, 54), Image.Resampling.BICUBIC)
        smooth.save(tmp_path / "Zoo" / "HR" / f"{name}.png")
    return tmp_path / "Zoo"


@pytest.fixture
def enlarged(zoo: Path) -> Callable[[str], Path]:
    """Writes the bicubic pictures of all images at all scales, named by a pattern."""

    def write(pattern: str) -> Path:
        folder = zoo.parent / "sr"
        images = BenchmarkImages([find_benchmark(zoo)], SCALES)
        for item in (images[index] for index in range(len(images))):
            sr = (Bicubic()(item.lr / 255, item.scale).clamp(0, 1) * 255).round().byte()
            path = folder / pattern.format(name=item.name, scale=item.scale)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sr[0].permute(1, 2, 0).numpy()).save(path)
        return folder

    return write


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["igconv-sr", *arguments])
    cli.main()


def means(folder: Path) -> dict[tuple[str, str], tuple[float, float]]:
    with (folder / "results.csv").open() as file:
        return {
            (row["benchmark"], row["scale"]): (float(row["psnr_y"]), float(row["ssim_y"]))
            for row in csv.DictReader(file)
        }


@pytest.mark.parametrize(
    "pattern",
    ["{name}_x{scale}.png", "{name}x{scale}.png", "X{scale}/{name}.png", "Zoo/{scale}x/{name}_HAT_SRx{scale}.png"],
)
def test_they_score_as_the_model_that_made_them(
    pattern: str,
    zoo: Path,
    enlarged: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pictures, model, finished = enlarged(pattern), zoo.parent / "model", zoo.parent / "finished"
    common = [f"benchmarks={zoo}", "scales=[2,3]"]
    run(monkeypatch, "evaluate", "model=bicubic", *common, f"paths.output_dir={model}")
    run(monkeypatch, "evaluate", f"sr={pictures}", *common, f"paths.output_dir={finished}")
    assert len(means(finished)) == len(SCALES)
    for cell, scores in means(model).items():
        assert means(finished)[cell] == pytest.approx(scores, rel=1e-9)
    run(monkeypatch, "compare", str(model), str(finished), "--images", "2", "-o", str(zoo.parent / "compared"))
    assert (zoo.parent / "compared" / "compare.png").is_file()
    assert "PSNR" in capsys.readouterr().out


def score(zoo: Path, pictures: Path) -> None:
    score_pictures(pictures, [find_benchmark(zoo)], SCALES, STANDARD, PerceptualMetrics([]))


def test_pictures_that_no_image_asks_for_are_counted_and_named(
    zoo: Path, enlarged: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = enlarged("x{scale}/{name}.png")
    stranger = next(pictures.rglob("*.png"))
    stranger.with_name("stranger_x2.png").write_bytes(stranger.read_bytes())
    capsys.readouterr()
    score(zoo, pictures)
    where = stranger.with_name("stranger_x2.png").relative_to(pictures)
    assert f"not used of sr={pictures}: 1 picture of no image that is asked for ({where})" in capsys.readouterr().out


def test_a_picture_that_is_missing_ambiguous_or_of_another_size_is_named(
    zoo: Path, enlarged: Callable[[str], Path]
) -> None:
    pictures = enlarged("{name}_x{scale}.png")
    shutil.copy(pictures / "bird_x2.png", pictures / "bird_again_x2.png")
    with pytest.raises(InputError, match=r"2 pictures of bird of Zoo at ×2: bird_again_x2\.png, bird_x2\.png"):
        score(zoo, pictures)
    (pictures / "bird_again_x2.png").unlink()
    (pictures / "bird_x2.png").unlink()
    with pytest.raises(InputError, match=r"no picture of bird of Zoo at ×2, such as bird\.png or bird_x2\.png"):
        score(zoo, pictures)
    shutil.copy(zoo / "HR" / "bird.png", pictures / "bird_x2.png")
    Image.open(pictures / "bird_x2.png").crop((0, 0, 47, 54)).save(pictures / "bird_x2.png")
    with pytest.raises(InputError, match="has 47×54 pixels, but bird of Zoo at ×2 has 48×54"):
        score(zoo, pictures)


def test_results_that_are_there_are_not_overwritten(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "model=bicubic", f"benchmarks={zoo}", "scales=2", f"paths.output_dir={zoo.parent / 'out'}"]
    run(monkeypatch, *arguments)
    before = (zoo.parent / "out" / "results.csv").read_bytes()
    with pytest.raises(SystemExit):
        run(monkeypatch, *arguments, "scales=3")
    assert "already holds results; choose another paths.output_dir" in capsys.readouterr().err
    assert (zoo.parent / "out" / "results.csv").read_bytes() == before
