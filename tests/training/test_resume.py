"""A training that is stopped in whatever way and continued is the training that was never stopped."""

import csv
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from command_line import TINY, environment, photographs, run, start, succeed, wait_for

STEPS = "trainer.max_steps=60"
DDP = ("trainer=ddp", "trainer.devices=2")


def options(tmp_path: Path, output: str, *more: str) -> list[str]:
    return [
        "train",
        *(option for option in more if option in DDP),
        *TINY,
        f"data.root={tmp_path / 'pictures'}",
        f"paths.output_dir={tmp_path / output}",
        "optim.ema_decay=0.9",
        "trainer.checkpoint_every_n_steps=3",
        "trainer.val_check_interval=20",
        *(option for option in more if option not in DDP),
    ]


def checkpoint(tmp_path: Path, output: str) -> dict[str, Any]:
    return torch.load(tmp_path / output / "checkpoints" / "last.ckpt", weights_only=True)


def assert_equal_states(a: Any, b: Any, where: str = "") -> None:
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal_states(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal_states(x, y, f"{where}[{index}]")
    else:
        assert a == b, where


def assert_same_training(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Averaged and raw weights, the average's own state, optimiser, schedule and counts, bit for bit."""
    assert a["global_step"] == b["global_step"] == 60
    for key in ("state_dict", "current_model_state", "averaging_state", "optimizer_states", "lr_schedulers"):
        assert_equal_states(a[key], b[key], key)
    # Where accumulation, validation and the seeds of drop-path stand.
    batches = [state["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"] for state in (a, b)]
    assert batches[0] == batches[1]
    for callback in ("MovingAverage", "ScaleSteps"):
        assert a["callbacks"][callback] == b["callbacks"][callback]


@pytest.mark.parametrize(
    "more",
    [
        ("data.num_workers=2",),
        pytest.param(("data.num_workers=0",), marks=pytest.mark.slow),
        pytest.param(("data.num_workers=0", "data.max_batch_per_device=2"), marks=pytest.mark.slow),  # accumulates
        pytest.param(("trainer.compile=true",), marks=pytest.mark.slow),
        pytest.param(DDP, marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, more: tuple[str, ...]) -> None:
    photographs(tmp_path / "pictures")
    succeed(*options(tmp_path, "whole", STEPS, *more), cwd=tmp_path)
    process = start(*options(tmp_path, "killed", STEPS, *more), cwd=tmp_path)
    wait_for(tmp_path / "killed" / "checkpoints" / "last.ckpt", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert checkpoint(tmp_path, "killed")["global_step"] < 60
    succeed(*options(tmp_path, "killed", STEPS, *more, "ckpt_path=last"), cwd=tmp_path)
    assert_same_training(checkpoint(tmp_path, "whole"), checkpoint(tmp_path, "killed"))


@pytest.mark.slow
def test_a_finished_training_can_be_made_longer(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    constant = "optim.scheduler.cosine_to=null"
    succeed(*options(tmp_path, "whole", STEPS, constant), cwd=tmp_path)
    succeed(*options(tmp_path, "longer", "trainer.max_steps=31", constant), cwd=tmp_path)
    succeed("train", "ckpt_path=last", f"paths.output_dir={tmp_path / 'longer'}", STEPS, cwd=tmp_path)
    assert_same_training(checkpoint(tmp_path, "whole"), checkpoint(tmp_path, "longer"))


def test_validations_come_after_whole_steps_also_where_accumulation_changes(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    every = "trainer.val_check_interval=2"
    succeed(*options(tmp_path, "run", "trainer.max_steps=3", every), cwd=tmp_path)
    parts = "data.max_batch_per_device=3"  # of 6
    succeed(*options(tmp_path, "run", "trainer.max_steps=8", every, parts, "ckpt_path=last"), cwd=tmp_path)
    with (tmp_path / "run" / "metrics" / "version_1" / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["valid/psnr_y_mean"]]
    assert steps == [3, 5, 7]  # the steps are counted from 0


@pytest.mark.parametrize(
    ("number", "status"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)]
)
def test_signal_saves_and_says_how_to_continue(tmp_path: Path, number: signal.Signals, status: int) -> None:
    photographs(tmp_path / "pictures")
    many = "trainer.max_steps=100000"
    process = start(*options(tmp_path, "run", many), cwd=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "last.ckpt", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    stopped_at = checkpoint(tmp_path, "run")["global_step"]
    assert "Traceback" not in err
    (line,) = [line for line in out.splitlines() if line.startswith(f"Stopped at step {stopped_at}")]
    command = line.partition("make ")[2].split()
    succeed(*command, f"trainer.max_steps={stopped_at + 1}", cwd=tmp_path)
    assert checkpoint(tmp_path, "run")["global_step"] == stopped_at + 1


@pytest.mark.slow
def test_last_without_a_folder_continues_the_newest_run_with_its_options(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    common = [option for option in options(tmp_path, "") if not option.startswith("paths.output_dir")]
    succeed(*common, "trainer.max_steps=3", "seed=5", cwd=tmp_path)
    printed = succeed("train", "ckpt_path=last", "trainer.max_steps=6", cwd=tmp_path)
    (folder,) = (tmp_path / "outputs" / "train").iterdir()
    assert printed.splitlines()[-1].endswith(folder.name)
    continued = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert continued["global_step"] == 6
    assert '"seed": 5' in continued["igconv_sr"]


@pytest.mark.slow
def test_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    succeed(*options(tmp_path, "run", "trainer.max_steps=3"), cwd=tmp_path)
    before = checkpoint(tmp_path, "run")
    size = (tmp_path / "run" / "checkpoints" / "last.ckpt").stat().st_size
    arguments = options(tmp_path, "run", "trainer.max_steps=30", "ckpt_path=last")
    done = subprocess.run(
        [sys.executable, "-m", "igconv_sr", *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2)),
    )
    assert done.returncode == 1
    assert "igconv-sr: " in done.stderr
    assert "File too large" in done.stderr
    assert_equal_states(before, checkpoint(tmp_path, "run"))
    assert not list((tmp_path / "run" / "checkpoints").glob(".*"))


@pytest.mark.slow
def test_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    succeed(*options(tmp_path, "run", "trainer.max_steps=3"), cwd=tmp_path)
    done = run(*options(tmp_path, "run", "trainer.max_steps=6", "ckpt_path=last", "model.num_feat=6"), cwd=tmp_path)
    assert done.returncode == 1
    assert "another architecture (model.num_feat: 4, not 6)" in done.stderr
    assert checkpoint(tmp_path, "run")["global_step"] == 3


def test_not_finite_loss_names_step_scale_and_images_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    more = ("trainer.max_steps=60", "optim.optimizer.lr=1e18", "trainer.checkpoint_every_n_steps=1")
    done = run(*options(tmp_path, "run", *more), cwd=tmp_path)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("igconv-sr: ")]
    assert "not finite at step" in line
    if "the loss" in line:
        assert "×2 picture" in line
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert (str(last) in line) if last.exists() else ("no checkpoint had been written" in line)
    if last.exists():
        assert all(value.isfinite().all() for value in checkpoint(tmp_path, "run")["state_dict"].values())


@pytest.mark.slow
def test_a_second_training_does_not_begin_in_the_folder_of_one_that_goes_on(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    first = start(*options(tmp_path, "run", "trainer.max_steps=100000", "data.num_workers=2"), cwd=tmp_path)
    wait_for(tmp_path / "run" / "training.lock", first)
    wait_for(tmp_path / "run" / "config.yaml", first)
    before = (tmp_path / "run" / "config.yaml").read_text()
    second = run(*options(tmp_path, "run", "trainer.max_steps=1", "seed=5"), cwd=tmp_path)
    assert second.returncode == 1
    assert "another process is training into" in second.stderr or "already holds a training" in second.stderr
    assert (tmp_path / "run" / "config.yaml").read_text() == before
    wait_for(tmp_path / "run" / "checkpoints" / "last.ckpt", first)
    first.send_signal(signal.SIGKILL)  # at once after it, while its workers may still live
    third = run(*options(tmp_path, "run", "trainer.max_steps=1", "ckpt_path=last"), cwd=tmp_path)
    assert "another process" not in third.stderr
    first.communicate()


def test_a_finished_training_is_not_overwritten(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    succeed(*options(tmp_path, "run", "trainer.max_steps=3"), cwd=tmp_path)
    done = run(*options(tmp_path, "run", "trainer.max_steps=6"), cwd=tmp_path)
    assert done.returncode == 1
    assert "already holds a training; continue it with ckpt_path=last" in done.stderr
    assert checkpoint(tmp_path, "run")["global_step"] == 3


def test_a_job_that_slurm_queues_again_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photographs(tmp_path / "pictures")
    succeed(*options(tmp_path, "run", "trainer.max_steps=3"), cwd=tmp_path)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert "at step 3" in succeed(*options(tmp_path, "run", "trainer.max_steps=6"), cwd=tmp_path)
    assert checkpoint(tmp_path, "run")["global_step"] == 6
    assert "Continues" not in succeed(*options(tmp_path, "new", "trainer.max_steps=1"), cwd=tmp_path)


def test_killed_after_the_last_step_it_still_writes_its_results(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    once = options(tmp_path, "run", "trainer.max_steps=3")
    succeed(*once, cwd=tmp_path)
    left = ("results.csv", "results_per_image.csv", "model.safetensors", "cost.json")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in left}
    for name in left:
        (tmp_path / "run" / name).unlink()
    succeed(*once, "ckpt_path=last", cwd=tmp_path)
    for name in left[:3]:
        assert (tmp_path / "run" / name).read_bytes() == before[name], name
    cost, earlier = json.loads((tmp_path / "run" / "cost.json").read_text()), json.loads(before["cost.json"])
    assert (cost["steps"], cost["device"]) == (3, earlier["device"])
    assert 0 < cost["train_seconds"] <= earlier["train_seconds"]
