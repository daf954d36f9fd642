"""Trainings with everything switched on, and what they leave behind."""

import csv
from pathlib import Path

import pytest
import torch

import igconv_sr
from command_line import TINY, photographs, run, succeed
from conftest import shared
from igconv_sr.data.prepare.shards import write_shards
from igconv_sr.data.sources.walk import list_images


def test_all_options_together_and_everything_a_user_looks_at(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    folder = tmp_path / "run"
    printed = succeed(
        "train",
        "optim=adamw",
        *TINY,
        f"data.root={tmp_path / 'pictures'}",
        f"paths.output_dir={folder}",
        "debug=fast",
        "data.scales=[2,3,4,5]",
        "optim.scheduler.warmup_steps=2",
        "optim.optimizer.lr=1e-3",
        "optim.ema_decay=0.9",
        "trainer.gradient_clip_val=0.5",
        "trainer.precision=bf16-mixed",
        "seed=7",
        cwd=tmp_path,
    )
    assert printed.splitlines()[-1] == f"Results in {folder}"
    for file in ("config.yaml", "model.safetensors", "side_by_side.png", "checkpoints/best_mean.ckpt"):
        assert (folder / file).stat().st_size > 0
        assert file == "config.yaml" or file.endswith("best_mean.ckpt") or str(folder / file) in printed
    rows = list(csv.DictReader((folder / "results.csv").open()))
    assert [row["scale"] for row in rows] == ["2", "3", "4", "5"]
    per_image = list(csv.DictReader((folder / "results_per_image.csv").open()))
    assert [row["psnr_y"] for row in per_image] == [row["psnr_y"] for row in rows], "one image is held out"
    assert all(Path(row["hr_file"]).parent == tmp_path / "pictures" for row in per_image)
    assert {(row["steps"], row["seed"], row["train_data"]) for row in rows} == {("3", "7", "folder")}
    with next(folder.glob("metrics/version_0/metrics.csv")).open() as file_of_rates:
        rates = [float(row["lr-AdamW"]) for row in csv.DictReader(file_of_rates) if row["lr-AdamW"]]
    assert rates[:2] == pytest.approx([0.5e-3, 1e-3])


@pytest.mark.slow
def test_weights_and_checkpoint_give_the_same_pictures(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}")
    succeed("train", *TINY, *where, "debug=fast", "optim.ema_decay=0.9", cwd=tmp_path)
    lr = torch.rand(1, 3, 9, 7)
    from_weights = igconv_sr.load(tmp_path / "run" / "model.safetensors")
    from_checkpoint = igconv_sr.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    averaged = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert not from_weights.training
    for scale in (2, 3, 4):
        assert torch.equal(from_weights(lr, scale), from_checkpoint(lr, scale))
    assert torch.equal(from_weights.encoder.conv_first.weight, averaged["net.encoder.conv_first.weight"])


@pytest.mark.slow
def test_averaged_and_raw_weights_are_scored_apart(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    zoo = photographs(tmp_path / "Zoo" / "HR", 1)
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}")
    succeed("train", *TINY, *where, "debug=fast", "optim.ema_decay=0.9", f"benchmarks=[{zoo.parent}]", cwd=tmp_path)
    for kind in ("average", "raw"):
        ours = (f"ckpt_path={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}", f"weights_of={kind}")
        succeed("evaluate", *ours, f"benchmarks=[{zoo.parent}]", f"paths.output_dir={tmp_path / kind}", cwd=tmp_path)
    rows = {}
    for name in ("run", "average", "raw"):
        with (tmp_path / name / "results.csv").open() as file:
            rows[name] = next(row for row in csv.DictReader(file) if row["benchmark"] == "Zoo" and row["scale"] == "2")
    assert [row["weights_of"] for row in rows.values()] == ["average", "average", "raw"]
    assert rows["run"]["psnr_y"] == rows["average"]["psnr_y"] != rows["raw"]["psnr_y"]


@pytest.mark.slow
def test_shards_train_the_weights_that_the_decoded_images_train(tmp_path: Path) -> None:
    pictures, shards = photographs(tmp_path / "pictures", 4), tmp_path / "shards"
    write_shards(list_images(pictures), pictures, shards, 20_000)
    valid = f"data.valid_folder={photographs(tmp_path / 'valid', 1)}"
    for name, root, *storage in (("decoded", pictures), ("encoded", shards, "data.storage=encoded")):
        where = (f"data.root={root}", f"paths.output_dir={tmp_path / name}")
        succeed("train", *TINY, *where, *storage, valid, "debug=fast", "data.num_workers=2", cwd=tmp_path)
    trained = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("decoded", "encoded")]
    assert trained[0] == trained[1]


@pytest.mark.slow
def test_averaged_weights_are_worth_their_name_early(tmp_path: Path) -> None:
    """With a constant decay the default training had 19.6 dB at ×2 after 200 steps."""
    more = ("trainer.max_steps=200", "optim.ema_decay=0.999", "paths.output_dir=run")
    succeed("train", *more, cwd=tmp_path, threads=2)
    with (tmp_path / "run" / "results.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["scale"] == "2")
    assert float(row["psnr_y"]) >= 26
    assert row["weights_of"] == "average"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_defaults_beat_bicubic_by_far_on_set5(tmp_path: Path) -> None:
    set5 = shared("data", "benchmarks", "Set5")
    printed = succeed("train", cwd=tmp_path, threads=2, limit=1100)
    folder = tmp_path / printed.splitlines()[-1].removeprefix("Results in ")
    weights = folder / "model.safetensors"
    succeed("evaluate", f"ckpt_path={weights}", f"benchmarks=[{set5}]", "paths.output_dir=eval", cwd=tmp_path)
    rows = list(csv.DictReader((tmp_path / "eval" / "results.csv").open()))
    reached = [float(row["psnr_y"]) for row in rows]
    assert all(value >= aim for value, aim in zip(reached, (35.2, 31.3, 29.2), strict=True)), reached


def test_the_last_step_is_validated(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    sizes = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}", "trainer.max_steps=7")
    succeed("train", *TINY, *sizes, "trainer.val_check_interval=3", cwd=tmp_path)
    logged = list(csv.DictReader((tmp_path / "run" / "metrics" / "version_0" / "metrics.csv").open()))
    validated = [int(row["step"]) for row in logged if row.get("valid/psnr_y_x2")]
    assert len(validated) == 3
    assert validated[-1] == 6  # the seventh
    best = torch.load(tmp_path / "run" / "checkpoints" / "best_mean.ckpt", weights_only=True)
    assert best["global_step"] in (3, 6, 7)


def test_a_scale_of_the_training_and_of_further_scales_is_scored_once(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}", "debug=fast")
    succeed("train", *TINY, *where, "further_scales=[3,2.5]", cwd=tmp_path)
    with (tmp_path / "run" / "results.csv").open() as file:
        assert [row["scale"] for row in csv.DictReader(file)] == ["2", "2.5", "3", "4"]


def test_callbacks_of_ones_own_may_end_a_training(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    sizes = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}", "trainer.max_steps=50")
    never_better = (
        "callbacks=early_stopping",
        "callbacks.early_stopping.patience=2",
        "callbacks.early_stopping.min_delta=50",
    )
    succeed("train", *TINY, *sizes, *never_better, "trainer.val_check_interval=3", "optim.ema_decay=0.9", cwd=tmp_path)
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 9  # the best, and two that are no better
    results = list(csv.DictReader((tmp_path / "run" / "results.csv").open()))
    assert {row["steps"] for row in results} == {"9"}


def test_callbacks_of_the_suite_are_left_out_and_set_by_their_names(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}", "debug=fast")
    succeed("train", *TINY, *where, "~callbacks.scale_steps", "callbacks.ema.decay=0.9", cwd=tmp_path)
    saved = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert "current_model_state" in saved, "beside the average"
    logged = next((tmp_path / "run" / "metrics").rglob("metrics.csv")).read_text()
    assert "lr-Adam" in logged
    assert "train/steps_x2" not in logged


def test_an_average_without_its_callback_is_refused(tmp_path: Path) -> None:
    done = run("train", *TINY, "~callbacks.ema", "optim.ema_decay=0.9", cwd=tmp_path)
    assert done.stderr.endswith("optim.ema_decay=0.9 has no effect without callbacks.ema; null: no average\n")


def test_three_steps_try_a_recipe_whose_warm_up_is_longer(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}", "debug=fast")
    succeed("train", "model=edsr", "recipe=paper", "published.warmup_steps=10", *TINY, *where, cwd=tmp_path)
    assert (tmp_path / "run" / "results.csv").exists()


def test_a_validation_without_an_image_at_some_scale_is_refused_before_the_training(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")  # one of which is kept back
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}", "debug=fast")
    done = run("train", *TINY, *where, "+trainer.limit_val_batches=2", cwd=tmp_path)
    assert "igconv-sr: trainer.limit_val_batches=2 leaves no validation image at ×4; " in done.stderr
    assert not (tmp_path / "run").exists()
    succeed("train", *TINY, *where, "+trainer.limit_val_batches=3", cwd=tmp_path)
