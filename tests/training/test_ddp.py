"""Two real processes over gloo do what one does."""

import csv
from pathlib import Path

import pytest
import torch

from command_line import TINY, photographs, run, succeed
from igconv_sr.data.batches.schedule import ScaleSchedule, row_scales

DDP = ("trainer=ddp", "trainer.devices=2")


def train(tmp_path: Path, output: str, *more: str) -> Path:
    folder = tmp_path / output
    groups = [option for option in more if option in DDP]
    rest = [option for option in more if option not in DDP]
    fixed = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={folder}", "trainer.log_every_n_steps=1")
    succeed("train", *groups, *TINY, *fixed, "trainer.val_check_interval=20", *rest, cwd=tmp_path)
    return folder


def logged(folder: Path, column: str) -> list[float]:
    with next(folder.glob("metrics/version_*/metrics.csv")).open() as file:
        return [float(row[column]) for row in csv.DictReader(file) if row[column]]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def test_two_processes_give_the_loss_curve_and_scores_of_one(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures", count=7)
    one = train(tmp_path, "one", "trainer.max_steps=20")
    two = train(tmp_path, "two", "trainer.max_steps=20", *DDP)
    curves = [logged(folder, "train/loss") for folder in (one, two)]
    assert len(curves[0]) == 20
    assert curves[1] == pytest.approx(curves[0], rel=1e-5)
    results = [list(csv.DictReader((folder / "results.csv").open())) for folder in (one, two)]
    for a, b in zip(*results, strict=True):
        assert (a["scale"], a["images"]) == (b["scale"], b["images"])
        assert float(a["psnr_y"]) == pytest.approx(float(b["psnr_y"]), abs=1e-3)


def test_more_devices_than_validations_are_refused_in_one_line(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")  # one of which is kept back
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}")
    done = run("train", *DDP, *TINY, *where, "data.scales=[2]", cwd=tmp_path)
    assert done.returncode == 1
    told = "2 devices cannot share 1 validations (1 images × 1 scales); use trainer.devices=1, or more images"
    assert told in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_accumulation_gives_the_weights_of_one_large_batch(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    whole = train(tmp_path, "whole", "trainer.max_steps=10")
    parts = train(tmp_path, "parts", "trainer.max_steps=10", "data.max_batch_per_device=2")
    for (name, a), b in zip(weights(whole).items(), weights(parts).values(), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schedule", "devices"), [("all", DDP), ("synchronised", DDP), ("per_rank", DDP), ("synchronised", DDP[1:])]
)
def test_heads_per_scale_train_under_ddp_in_every_schedule(
    tmp_path: Path, schedule: ScaleSchedule, devices: tuple[str, ...]
) -> None:
    photographs(tmp_path / "pictures")
    folder = train(
        tmp_path, "run", "upsampler=spconv", f"data.scale_schedule={schedule}", "trainer.max_steps=9", *devices
    )
    start = train(tmp_path, "start", "upsampler=spconv", f"data.scale_schedule={schedule}", "trainer.max_steps=1")
    moved = [name for name, value in weights(folder).items() if not torch.equal(value, weights(start)[name])]
    assert {f"net.upsampler.heads.{scale}.0.weight" for scale in (2, 3, 4)} <= set(moved)
    ranks = 1 + (DDP[0] in devices)
    steps = [set(row_scales(schedule, (2, 3, 4), 0, step, 6, ranks)) for step in range(9)]
    for scale in (2, 3, 4):
        assert logged(folder, f"train/steps_x{scale}")[-1] == sum(scale in scales for scales in steps)
