"""Where memory runs out, all images of a benchmark and scale are scored in tiles, and their protocol says so."""

import csv
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor

from command_line import TINY, environment, photographs
from igconv_sr.data import find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import STANDARD, ImageScore
from igconv_sr.network import Bicubic
from igconv_sr.super_resolver import SuperResolver


class Narrow(SuperResolver):
    """Bicubic in a memory that holds LR images up to a size, with something of the whole image in every pixel."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, lr: Tensor, scale: float) -> Tensor:
        if lr.shape[-2] * lr.shape[-1] > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Bicubic()(lr, scale) + lr.mean() / 8  # type: ignore[no-any-return]

    def fold(self, scales: object) -> "Narrow":
        return self


def trainer() -> Trainer:
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar"), False)
    return Trainer(accelerator="cpu", devices=1, **quiet)  # type: ignore[arg-type]


def picture(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(height + width)
    coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(path)


def zoo(folder: Path) -> Path:
    """Two images of a size, and between them one that is larger."""
    for name, height, width in (("a", 80, 72), ("b", 120, 72), ("c", 72, 80)):
        picture(folder / "Zoo" / f"{name}.png", height, width)
    return folder / "Zoo"


def test_a_cell_is_scored_in_tiles_as_a_whole_and_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At ×2 the large image has 60×36 pixels, which do not fit; 40×24 at ×3 do."""
    benchmark = find_benchmark(zoo(tmp_path))
    found = evaluate(Narrow(1900), [benchmark], [2, 3], trainer())
    asked = Inference(tile=16, tile_overlap=16)
    tiled = evaluate(Narrow(10**9), [benchmark], [2], trainer(), STANDARD.marked(asked.marks), asked)
    whole = evaluate(Narrow(10**9), [benchmark], [3], trainer())
    assert found == [*tiled, *whole]
    assert {score.protocol for score in tiled} == {"standard+tile16-overlap16"}
    plain = evaluate(Narrow(10**9), [benchmark], [2], trainer())
    assert all(a.values != b.values for a, b in zip(tiled, plain, strict=True)), "tiles make a difference here"
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "Memory" in line]
    assert "b of Zoo at ×2" in line
    assert "standard+tile16-overlap16" in line


def test_tiles_asked_for_become_smaller_ones(tmp_path: Path) -> None:
    benchmark = find_benchmark(zoo(tmp_path))
    asked = Inference(self_ensemble=True, tile=40, tile_overlap=8)
    found = evaluate(Narrow(1100), [benchmark], [2], trainer(), STANDARD.marked(asked.marks), asked)
    assert {score.protocol for score in found} == {"standard+ensemble+tile16-overlap8"}


def test_memory_for_nothing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="memory is not enough for a of Zoo at ×2 even in the smallest tiles"):
        evaluate(Narrow(10), [find_benchmark(zoo(tmp_path))], [2], trainer())


def test_other_errors_pass(tmp_path: Path) -> None:
    class Broken(Narrow):
        def forward(self, lr: Tensor, scale: float) -> Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        evaluate(Broken(0), [find_benchmark(zoo(tmp_path))], [2], trainer())


@pytest.mark.parametrize(
    ("now", "side", "then"),
    [
        (Inference(), 1020, "+tile512"),
        (Inference(), 64, "+tile32"),
        (Inference(tile=100), 1020, "+tile64"),
        (Inference(tile=512), 100, "+tile64"),
        (Inference(tile=64, tile_overlap=48), 1020, "+tile32"),
        (Inference(True, 32), 1020, "+ensemble+tile16-overlap16"),
    ],
)
def test_the_next_smaller_tiles(now: Inference, side: int, then: str) -> None:
    smaller = now.with_smaller_tiles(side)
    assert smaller is not None
    assert smaller.marks == then


def test_tiles_end_at_eight_pixels() -> None:
    assert Inference(tile=8).with_smaller_tiles(1000) is None
    assert Inference().with_smaller_tiles(1) is None


SHORT_OF_MEMORY = """
    import torch
    from igconv_sr.commands import cli
    from igconv_sr.network import SRNet

    run = SRNet.forward

    def forward(self, lr, scale):
        if lr.shape[-2] * lr.shape[-1] > 700:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return run(self, lr, scale)

    SRNet.forward = forward
    cli.main()
"""


def train(folder: Path, *options: str, short: bool = True) -> str:
    """Trains in a process in which LR images of more than 700 pixels do not fit into memory."""
    script = folder / "short_of_memory.py"
    script.write_text(textwrap.dedent(SHORT_OF_MEMORY if short else "from igconv_sr.commands import cli; cli.main()"))
    command = [sys.executable, str(script), "train", *options]
    done = subprocess.run(command, cwd=folder, env=environment(), text=True, capture_output=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def options(folder: Path, output: str) -> tuple[str, ...]:
    steps = ("trainer.max_steps=4", "trainer.val_check_interval=2", "trainer.log_every_n_steps=1")
    return (*TINY, f"data.root={folder / 'pictures'}", f"paths.output_dir={folder / output}", *steps)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def curves(run: Path) -> dict[str, list[float]]:
    rows = table(next(run.glob("metrics/version_0/metrics.csv")))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0] if name.startswith("valid/")}


MEASURED = [f"valid/{measure}_x{scale}" for scale in (2, 3, 4) for measure in ("psnr_y", "ssim_y")]


def test_a_training_outlives_its_validation_and_marks_everything(tmp_path: Path) -> None:
    """With averaged weights, which are to score what is scored once more, too."""
    photographs(tmp_path / "pictures")
    given = (*options(tmp_path, "run"), "data.scales=[4,3,2]", "optim.ema_decay=0.5")
    printed = train(tmp_path, *given)
    lines = [line for line in printed.splitlines() if "Memory ran out" in line]
    assert len(lines) == 2, "once in validation, once in the final evaluation"
    assert all("picture0 of folder at ×2" in line for line in lines)
    mark = "+tile8-overlap8"
    run = tmp_path / "run"
    assert set(curves(run)) == {f"{name}{mark}" for name in (*MEASURED, "valid/psnr_y_mean")}
    assert len(curves(run)["valid/psnr_y_x4" + mark]) == 2
    found = {row["scale"]: row["protocol"] for row in table(run / "results.csv")}
    assert found == {"2": f"standard{mark}", "3": "standard", "4": "standard"}
    assert (run / "checkpoints" / "best_x2.ckpt").is_file()

    asked = (*given[:-2], "paths.output_dir=asked", *given[-2:], "tile=8", "tile_overlap=8")
    train(tmp_path, *asked, short=False)
    for name, values in curves(tmp_path / "asked").items():
        assert values == pytest.approx(curves(run)[name], rel=1e-12), name
    assert {row["protocol"] for row in table(tmp_path / "asked" / "results.csv")} == {f"standard{mark}"}


@pytest.mark.slow
def test_ranks_agree_on_tiles_when_one_runs_out_of_memory(tmp_path: Path) -> None:
    """It is rank 1, which scores ×2 alone; rank 0 scores ×4 and ×3, which fit, and is the one that prints."""
    photographs(tmp_path / "pictures")
    given = (*options(tmp_path, "two"), "data.scales=[4,2,3]")
    one = train(tmp_path, *given, "paths.output_dir=one")
    two = train(tmp_path, "trainer=ddp", *given, "trainer.devices=2")
    assert "Memory ran out at picture0 of folder at ×2" in one
    assert two.count("Memory ran out") == one.count("Memory ran out")
    for name, values in curves(tmp_path / "two").items():
        assert values == pytest.approx(curves(tmp_path / "one")[name], abs=1e-3), name
    found = [
        [(row["scale"], row["protocol"]) for row in table(tmp_path / run / "results.csv")] for run in ("one", "two")
    ]
    assert found[0] == found[1]


def test_means_keep_protocols_apart() -> None:
    from igconv_sr.metrics import mean_scores

    images = [
        ImageScore("Zoo", name, 2, {"psnr_y": value}, protocol)
        for name, value, protocol in (("a", 30.0, "standard"), ("b", 20.0, "standard+tile16"), ("c", 40.0, "standard"))
    ]
    assert [(score.protocol, score.images, score.values["psnr_y"]) for score in mean_scores(images)] == [
        ("standard", 2, 35.0),
        ("standard+tile16", 1, 20.0),
    ]
