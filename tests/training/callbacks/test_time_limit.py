"""A training whose time is limited, and one that is asked to finish: both end well, with true results."""

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from command_line import TINY, photographs, run, start, succeed, wait_for
from igconv_sr.training.optim import learning_rate_schedule
from igconv_sr.training.process import TrainingProcess

FILES = ("results.csv", "results_per_image.csv", "model.safetensors", "side_by_side.png", "cost.json")


def options(tmp_path: Path, *more: str) -> list[str]:
    return [
        *("train", *TINY, f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}"),
        *("trainer.max_steps=100000", "trainer.val_check_interval=100000", "trainer.log_every_n_steps=1"),
        *("trainer.checkpoint_every_n_steps=3", "optim.ema_decay=0.9", *more),
    ]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rates(folder: Path) -> list[float]:
    found = []
    for path in sorted(folder.glob("metrics/version_*/metrics.csv")):
        with path.open(newline="") as file:
            found += [float(row["lr-Adam"]) for row in csv.DictReader(file) if row.get("lr-Adam")]
    return found


def checkpoint(tmp_path: Path) -> dict[str, object]:
    found: dict[str, object] = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    return found


def test_the_cosine_ends_with_the_time(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    succeed(*options(tmp_path, "trainer.max_time=00:00:00:04"), cwd=tmp_path)
    steps = checkpoint(tmp_path)["global_step"]
    assert 5 < steps < 100000
    assert {row["steps"] for row in rows(tmp_path / "run")} == {str(steps)}
    assert all((tmp_path / "run" / name).is_file() for name in FILES)
    found = rates(tmp_path / "run")
    assert found[0] == pytest.approx(2e-3, rel=0.2)
    assert found[-1] < 2e-3 * 0.05  # by the steps alone it would have hardly fallen
    assert found == sorted(found, reverse=True)
    assert json.loads((tmp_path / "run" / "progress.json").read_text())["step"] == steps


def test_the_time_of_a_continued_training_adds_up(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    process = start(*options(tmp_path, "trainer.max_time=00:01:00:00"), cwd=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "last.ckpt", process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    before = checkpoint(tmp_path)["global_step"]
    more = ("trainer.max_time=00:00:00:01",)
    # The time is over already: one step more, and the end.
    done = run("train", "ckpt_path=last", f"paths.output_dir={tmp_path / 'run'}", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert before <= checkpoint(tmp_path)["global_step"] <= before + 200
    assert all((tmp_path / "run" / name).is_file() for name in FILES)


def signalled(tmp_path: Path, number: signal.Signals) -> tuple[int, str]:
    """Status and output of a training that gets a signal after its first checkpoint."""
    photographs(tmp_path / "pictures")
    process = start(*options(tmp_path), cwd=tmp_path)
    wait_for(tmp_path / "run" / "checkpoints" / "last.ckpt", process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def test_asked_to_finish_it_writes_its_files(tmp_path: Path) -> None:
    status, output = signalled(tmp_path, signal.SIGUSR1)
    assert status == 0
    steps = checkpoint(tmp_path)["global_step"]
    assert f"Finishes at step {steps} of 100000, as asked" in output
    assert {row["steps"] for row in rows(tmp_path / "run")} == {str(steps)}
    assert all((tmp_path / "run" / name).is_file() for name in FILES)


def test_its_workers_outlive_the_request_where_it_reaches_them_too(tmp_path: Path) -> None:
    """As a stage or a cell sends it to all processes; those of a continued training start before it takes signals."""
    photographs(tmp_path / "pictures")
    _, *first = options(tmp_path, "trainer.max_steps=2", "data.num_workers=1")
    succeed("train", *first, cwd=tmp_path)
    logged = tmp_path / "run" / "metrics" / "version_1" / "metrics.csv"
    asked: list[signal.Signals] = []

    def ask() -> None:
        if logged.exists() and not asked:
            asked.append(signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGUSR1)

    with TrainingProcess([*first, "trainer.max_steps=100000", "ckpt_path=last"], tmp_path / "log") as training:
        assert training.wait(ask) == 0, training.last_words()
    assert {row["steps"] for row in rows(tmp_path / "run")} == {str(checkpoint(tmp_path)["global_step"])}


def test_a_stopped_training_writes_the_results_of_its_step(tmp_path: Path) -> None:
    """By the line that it prints when it is stopped."""
    status, output = signalled(tmp_path, signal.SIGTERM)
    assert status == 143
    command = next(line for line in output.splitlines() if line.startswith("Or write the results of this step:"))
    steps = checkpoint(tmp_path)["global_step"]
    succeed(*command.partition("make ")[2].split(), cwd=tmp_path)
    assert checkpoint(tmp_path)["global_step"] == steps
    assert {row["steps"] for row in rows(tmp_path / "run")} == {str(steps)}


@pytest.mark.parametrize("text", ["7", "soon", "00:00:00:00", "[1]"])
def test_a_time_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    photographs(tmp_path / "pictures")
    done = run(*options(tmp_path, f"trainer.max_time={text}"), cwd=tmp_path)
    assert done.returncode == 1
    assert "trainer.max_time=" in done.stderr
    assert "must be days, hours, minutes and seconds, such as 00:07:30:00" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_halvings_follow_the_time_too() -> None:
    gone = 0.0
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    schedule = learning_rate_schedule(optimizer, 100, halve_at=(50, 75), time_gone=lambda: gone)
    seen = []
    for gone in (0.0, 0.49, 0.5, 0.74, 0.8, 1.0):  # noqa: B007 (the schedule reads it)
        optimizer.step()
        schedule.step()
        seen.append(schedule.get_last_lr()[0])
    assert seen == [1, 1, 0.5, 0.5, 0.25, 0.25]
