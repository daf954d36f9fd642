"""The evaluation as a command: its tables, protocols and scales, and several processes."""

import csv
import math
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from command_line import photographs, succeed
from conftest import shared
from igconv_sr.commands import cli
from igconv_sr.data import find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.network import Bicubic, SRNet

CPU = "trainer.accelerator=cpu"
BICUBIC = ("model=bicubic", CPU)
CONTRACT = (
    "model,upsampler,fgrep,params,train_data,steps,seed,benchmark,scale,images,"
    "psnr_y,ssim_y,psnr_rgb,protocol,checkpoint,commit"
)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Evaluates bicubic in this process, into the folder ``out``; returns what was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IGCONV_SR_RUN", "test")

    def run(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["igconv-sr", "evaluate", *BICUBIC, "paths.output_dir=out", *options])
        cli.main()
        return capsys.readouterr().out

    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def assert_means_are_those_of_the_rows(folder: Path, measures: tuple[str, ...]) -> None:
    rows = table(folder / "results_per_image.csv")
    means = table(folder / "results.csv")
    for mean in means:
        members = [row for row in rows if (row["benchmark"], row["scale"]) == (mean["benchmark"], mean["scale"])]
        assert len(members) == int(mean["images"])
        for measure in measures:
            assert float(mean[measure]) == math.fsum(float(row[measure]) for row in members) / len(members)
        shared_columns = ("model", "upsampler", "params", "protocol", "checkpoint", "commit")
        assert all(row[name] == mean[name] for row in members for name in shared_columns)
    assert len(rows) == sum(int(mean["images"]) for mean in means)


@pytest.mark.parametrize("count", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_two_processes_write_what_one_writes(command, tmp_path: Path, count: int) -> None:
    """Five images are one too many or too few for two processes; of a single image one process gets nothing."""
    photographs(tmp_path / "Zoo" / "HR", count=count)
    given = ("benchmarks=[Zoo]", "scales=[2]")
    ddp = ("trainer=ddp", CPU, "trainer.devices=2", "paths.output_dir=two")
    command(*given)
    succeed("evaluate", "model=bicubic", *given, *ddp, cwd=tmp_path)
    for name in ("results.csv", "results_per_image.csv"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert len(table(tmp_path / "two" / "results_per_image.csv")) == count
    assert_means_are_those_of_the_rows(tmp_path / "two", ("psnr_y", "ssim_y", "psnr_rgb"))


def test_tables_of_two_benchmarks_at_a_scale_between_whole_ones(command, tmp_path: Path) -> None:
    photographs(tmp_path / "Zoo" / "HR", count=2)
    photographs(tmp_path / "Airport", count=3, side=70)
    printed = command("benchmarks=[Zoo,Airport]", "scales=[2.5,2]")
    assert printed.splitlines()[-3:] == [
        "Means     out/results.csv",
        "Per image out/results_per_image.csv",
        "Results in out",
    ]
    assert "protocol standard" in printed
    assert (tmp_path / "out" / "results.csv").read_text().splitlines()[0] == CONTRACT
    means = table(tmp_path / "out" / "results.csv")
    assert [(row["benchmark"], row["scale"]) for row in means] == [
        ("Zoo", "2"),
        ("Zoo", "2.5"),
        ("Airport", "2"),
        ("Airport", "2.5"),
    ]
    rows = table(tmp_path / "out" / "results_per_image.csv")
    keys = [(row["benchmark"], float(row["scale"]), row["image"]) for row in rows]
    assert keys == sorted(keys)
    assert len(set(keys)) == 10
    assert all(Path(row["hr_file"]).is_file() and row["ssim_rgb"] == "" for row in rows)
    assert_means_are_those_of_the_rows(tmp_path / "out", ("psnr_y", "ssim_y", "psnr_rgb"))


@pytest.mark.parametrize(
    ("options", "protocol", "filled"),
    [
        (["protocol=basicsr"], "basicsr", {"psnr_y", "ssim_y", "psnr_rgb"}),
        (["protocol=liif"], "liif", {"psnr_y", "psnr_rgb"}),
        (["protocol=rgb", "self_ensemble=true", "tile=16"], "rgb+ensemble+tile16", {"psnr_rgb", "ssim_rgb"}),
    ],
)
def test_every_row_names_its_protocol_and_marks(
    command, tmp_path: Path, options: list[str], protocol: str, filled: set[str]
) -> None:
    photographs(tmp_path / "Zoo" / "HR", count=2)
    command("benchmarks=[Zoo]", "scales=[2]", *options)
    for name in ("results.csv", "results_per_image.csv"):
        for row in table(tmp_path / "out" / name):
            assert row["protocol"] == protocol
            measures = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb")
            assert {measure for measure in measures if row.get(measure)} == filled
    assert_means_are_those_of_the_rows(tmp_path / "out", tuple(filled))


def trainer(**options: object) -> Trainer:
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar"), False)
    return Trainer(accelerator="cpu", devices=1, **quiet, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_full_precision_whatever_the_training_ran_in(tmp_path: Path, small_net: SRNet, precision: str) -> None:
    with torch.no_grad():
        for weights in small_net.parameters():
            weights.copy_(weights.bfloat16())  # as a training in bf16-true leaves them
    zoo = find_benchmark(photographs(tmp_path / "Zoo", count=1))
    plain = evaluate(small_net, [zoo], [2], trainer())
    assert evaluate(small_net, [zoo], [2], trainer(precision=precision)) == plain


def test_what_results_could_not_tell_apart_is_refused(tmp_path: Path) -> None:
    zoos = [find_benchmark(photographs(tmp_path / parent / "Zoo", count=1)) for parent in "ab"]
    with pytest.raises(InputError, match="2 are named Zoo"):
        evaluate(Bicubic(), zoos, [2], trainer())
    with pytest.raises(InputError, match="×2 is given 2 times"):
        evaluate(Bicubic(), zoos[:1], [2, 2], trainer())


def test_models_are_evaluated_between_whole_scales(tmp_path: Path, small_net: SRNet) -> None:
    zoo = find_benchmark(photographs(tmp_path / "Zoo", count=1))
    scores = evaluate(small_net, [zoo], [1.5, 2.5], trainer())
    assert [score.scale for score in scores] == [1.5, 2.5]
    assert all(math.isfinite(value) for score in scores for value in score.values.values())


@pytest.mark.parametrize(("protocol", "gain"), [("standard", 0.0), ("basicsr", 20 * math.log10(255 / 219) / 14)])
def test_set14_by_command_and_the_gray_image(command, tmp_path: Path, protocol: str, gain: float) -> None:
    set14 = shared("data", "benchmarks", "Set14")
    command(f"benchmarks=[{set14}]", f"protocol={protocol}")
    expected = {"2": (30.24, 0.8688), "3": (27.55, 0.7742), "4": (26.00, 0.7027)}
    for row in table(tmp_path / "out" / "results.csv"):
        psnr, ssim = expected.pop(row["scale"])
        assert float(row["psnr_y"]) == pytest.approx(psnr + gain, abs=0.02)
        assert protocol != "standard" or float(row["ssim_y"]) == pytest.approx(ssim, abs=0.001)
    assert not expected
