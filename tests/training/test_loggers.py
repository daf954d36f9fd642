"""What real loggers have on disk after a real training."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from command_line import TINY, environment, photographs, start, succeed, wait_for
from dashboard_specification import config_keys, logged_names, specification
from igconv_sr.errors import InputError
from igconv_sr.loggers import wandb_logger
from igconv_sr.runs.logged_names import STEP
from wandb_files import history, records, run_files

SCALARS = {
    "train/loss",
    "train/steps_per_second",
    "lr-Adam",
    "valid/psnr_y_mean",
    *(f"{name}_x{scale}" for name in ("train/l1", "train/frequency", "train/psnr_rgb") for scale in (2, 3, 4)),
    *(f"{name}_x{scale}" for name in ("train/steps", "valid/psnr_y", "valid/ssim_y") for scale in (2, 3, 4)),
}
IMAGES = {f"valid/images_x{scale}" for scale in (2, 3, 4)}
FINAL = {f"test/folder/{name}_x{scale}" for name in ("psnr_y", "ssim_y", "psnr_rgb") for scale in (2, 3, 4)}
COSTS = {"cost/params", "cost/train_seconds", "cost/peak_memory_mib", "cost/steps", "cost/devices"}


@pytest.fixture(autouse=True)
def _staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "wandb_data"))


def options(folder: Path, logger: str) -> list[str]:
    pictures = folder.parents[1] / "pictures"
    if not pictures.exists():
        photographs(pictures)
    return ["train", f"logger={logger}", *TINY, f"data.root={pictures}", f"paths.output_dir={folder}", "debug=fast"]


def parts(folder: Path) -> list[Path]:
    return run_files(folder, noted(folder)["id"])


def noted(folder: Path) -> dict[str, Any]:
    note: dict[str, Any] = json.loads((folder / "wandb_run.json").read_text())
    return note


def logged_at(folder: Path) -> Counter[tuple[str, int]]:
    rows = [row for file in parts(folder) for row in history(file)]
    return Counter((name, int(row[STEP])) for row in rows for name in row if name.startswith(("train/", "valid/")))


def summary(file: Path) -> dict[str, Any]:
    updates = [item for record in records(file) for item in record.summary.update]
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in updates}


def test_wandb_without_an_account_is_offline_says_so_and_holds_everything(tmp_path: Path) -> None:
    folder = tmp_path / "ablation" / "cell"
    folder.mkdir(parents=True)
    (folder / "cell.json").write_text(json.dumps({"name": "edsr-igconv-seed0"}))
    printed = succeed(*options(folder, "wandb"), cwd=tmp_path)
    assert "W&B: offline" in printed
    (file,) = parts(folder)
    rows = list(history(file))
    assert set().union(*rows) >= SCALARS | IMAGES
    (run,) = [record.run for record in records(file) if record.HasField("run")]
    assert (run.run_group, run.display_name, run.project) == ("ablation", "edsr-igconv-seed0", "igconv_sr")
    updates = [item for record in records(file) for item in (*record.run.config.update, *record.config.update)]
    config = {item.key: json.loads(item.value_json) for item in updates if item.key}
    assert (config["seed"], config["run"]["upsampler"], config["data"]["scales"]) == (0, "igconv_plus", [2, 3, 4])
    assert len(list(file.parent.glob("files/media/images/valid/*.png"))) == 3
    check_table(file, rows)
    check_summary(folder, file)
    check_dashboard(tmp_path, set(summary(file)).union(*rows), config)
    (command,) = {line.partition("upload with: ")[2].partition(" (")[0] for line in printed.splitlines()} - {""}
    wandb = [sys.executable, "-m", *command.split(), "--dry-run"]
    done = subprocess.run(wandb, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "Would sync 1 run(s)" in done.stderr, done.stderr


def check_table(file: Path, rows: list[dict[str, str]]) -> None:
    (noted,) = [row["test/crops"] for row in rows if "test/crops" in row]
    table = json.loads((file.parent / "files" / noted["path"]).read_text())
    assert {"lr", "bicubic", "sr", "hr", "error", "psnr_y"} <= set(table["columns"])
    assert [row[table["columns"].index("scale")] for row in table["data"]] == [2, 3, 4]
    assert (noted["_type"], noted["nrows"]) == ("table-file", 3)


def check_summary(folder: Path, file: Path) -> None:
    values = summary(file)
    assert set(values) >= FINAL | COSTS
    with (folder / "results.csv").open() as table:
        for row in csv.DictReader(table):
            assert values[f"test/folder/psnr_y_x{row['scale']}"] == pytest.approx(float(row["psnr_y"]))
    cost = json.loads((folder / "cost.json").read_text())
    assert values["cost/train_seconds"] == cost["train_seconds"] > 0
    assert (cost["steps"], cost["devices"], cost["memory_of"]) == (3, 1, "process")
    assert 100 < cost["peak_memory_mib"] < 4000


def check_dashboard(folder: Path, logged: set[str], config: dict[str, Any]) -> None:
    """All that the W&B report refers to is in what the run has logged."""
    made = specification(folder, "--benchmarks", "folder")
    assert logged >= logged_names(made) > {"valid/psnr_y_x2", "test/folder/psnr_y_x4", "cost/params"}
    assert all(name in config[part] for part, name in config_keys(made))


LOG_AND_BE_KILLED = """
import os, signal, sys, time
from igconv_sr.loggers import wandb_logger
first, last = map(int, sys.argv[2:])
logger = wandb_logger("project", sys.argv[1], "name")
for step in range(first, last):
    logger.log_metrics({"train/loss": 1 / (1 + step), "epoch": 0}, step)
    if step % 10 == 9:
        logger.log_metrics({"valid/images_x2": step}, step + 1)  # as Lightning does: before the scores of the step
        logger.log_metrics({"valid/psnr_y_x2": step}, step)
time.sleep(1)  # long enough for the rows to reach the disk, not for wandb's own interval of 15 s
os.kill(os.getpid(), signal.SIGKILL)
"""


def log_and_be_killed(folder: Path, steps: range) -> None:
    arguments = [str(folder), str(steps.start), str(steps.stop)]
    done = subprocess.run([sys.executable, "-c", LOG_AND_BE_KILLED, *arguments], env=environment(), timeout=100)
    assert done.returncode == -signal.SIGKILL


def test_disabled_wandb_is_not_taken_for_a_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with pytest.raises(InputError, match="WANDB_MODE=disabled is set; unset it, or take logger=csv"):
        wandb_logger("project", str(tmp_path / "run"), "name")
    assert not any(tmp_path.iterdir())


def test_rows_outlive_sigkill_and_repeated_steps_are_not_logged_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    log_and_be_killed(folder, range(45))
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").touch()
    log_and_be_killed(folder, range(18, 60))
    assert len(parts(folder)) == 2
    logged = logged_at(folder)
    assert set(logged.values()) == {1}
    assert {step for name, step in logged if name == "train/loss"} == set(range(60))
    validated = {9, 19, 29, 39, 49, 59}
    assert {step for name, step in logged if name == "valid/psnr_y_x2"} == validated
    assert {step for name, step in logged if name == "valid/images_x2"} == {step + 1 for step in validated}
    assert [int(row["_step"]) for file in parts(folder) for row in history(file)] == list(range(60 + 2 * 6))


def test_without_its_note_a_continued_training_is_a_new_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    log_and_be_killed(folder, range(20))
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").touch()
    before = noted(folder)["id"]
    (folder / "wandb_run.json").unlink()
    log_and_be_killed(folder, range(18, 25))
    assert noted(folder)["id"] != before
    assert {step for name, step in logged_at(folder) if name == "train/loss"} == set(range(18, 25))
    (folder / "wandb_run.json").write_text("{")
    with pytest.raises(InputError, match=r"wandb_run\.json is damaged .* is a new W&B run"):
        wandb_logger("project", str(folder), "name")


@pytest.mark.slow
def test_killed_and_resumed_run_is_one_without_a_step_twice(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "killed"
    arguments = [*options(folder, "wandb"), "trainer.max_steps=60", "trainer.checkpoint_every_n_steps=20"]
    process = start(*arguments, "trainer.val_check_interval=30", cwd=tmp_path)
    last = folder / "checkpoints" / "last.ckpt"
    wait_for(last, process)
    time.sleep(0.3)  # some steps more, which are then repeated
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    saved = torch.load(last, weights_only=True)
    assert saved["global_step"] < 60
    at_kill = noted(folder)["last_steps"]["train/loss"]
    succeed(*arguments, "trainer.val_check_interval=30", "ckpt_path=last", cwd=tmp_path)
    assert len(parts(folder)) == 2
    logged = logged_at(folder)
    assert set(logged.values()) == {1}
    lost = sorted(set(range(60)) - {step for name, step in logged if name == "train/loss"})
    assert lost == list(range(at_kill + 1 - len(lost), at_kill + 1))  # what wandb had not yet written
    counts = [int(row["_step"]) for file in parts(folder) for row in history(file)]
    assert counts == sorted(set(counts))
    before = saved["callbacks"]["TrainingCost"]["seconds"]
    assert json.loads((folder / "cost.json").read_text())["train_seconds"] > before > 0


@pytest.mark.slow
def test_tensorboard_holds_everything(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "run"
    succeed(*options(folder, "tensorboard"), cwd=tmp_path)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) >= SCALARS | FINAL | COSTS
    assert set(events.Tags()["images"]) == IMAGES | {f"test/folder/picture0_x{scale}" for scale in (2, 3, 4)}
    image = events.Images("valid/images_x2")[-1]
    assert image.width == 5 * image.height == pytest.approx(5 * 64)
