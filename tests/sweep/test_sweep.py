"""A sweep trains every combination, each in a folder of its own, and can be stopped in whatever way and resumed."""

import csv
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from command_line import TINY, photographs, run, start, succeed
from igconv_sr.sweep.cell import LOCK, Cell, read_cells
from igconv_sr.system.lock import alone

Rows = list[dict[str, str]]


def options(tmp_path: Path, *more: str) -> list[str]:
    """A sweep of trainings of a few steps."""
    if not (tmp_path / "pictures").is_dir():
        photographs(tmp_path / "pictures")
    given = {option.partition("=")[0] for option in more}
    tiny = [option for option in TINY if not ("model" in given and option.startswith("model."))]
    fixed = (f"data.root={tmp_path / 'pictures'}", "debug=fast")
    return ["sweep", *tiny, *fixed, *more]


def results(cell: Path) -> Rows:
    with (cell / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def by_state(sweep: Path) -> dict[str, list[Cell]]:
    states: dict[str, list[Cell]] = {}
    for cell in read_cells(sweep).values():
        states.setdefault(cell.state, []).append(cell)
    return states


def test_every_combination_has_its_own_results_and_a_failure_is_its_cells_alone(tmp_path: Path) -> None:
    """Seed -1 is impossible, which only the training notices."""
    grid = options(tmp_path, "model=edsr_small,smfanet_small", "upsampler=spconv", "seed=0,-1", "trainer.max_steps=1")
    done = run(*grid, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("igconv-sr: 2 of 4 cells failed, for the reasons above; the same command with retry_failed")
    sweep = tmp_path / "outputs" / "sweep" / "unnamed"
    rows = [row for file in sweep.glob("*/results.csv") for row in csv.DictReader(file.open())]
    assert {(row["model"], row["seed"]) for row in rows} == {("edsr_small", "0"), ("smfanet_small", "0")}
    assert len(rows) == 2 * 3
    assert len({row["checkpoint"] for row in rows}) == 2
    reason = "seed=-1: input should be greater than or equal to 0"
    assert [cell.reason for cell in by_state(sweep)["failed"]] == [reason, reason]
    assert f"edsr_small-spconv-x2x3x4-seed-1 is failed: {reason}" in done.stdout
    assert re.search(r"edsr_small-spconv-x2x3x4-seed0 +[0-9.]+ +[0-9.]+ +[0-9.]+\n", done.stdout)

    again = run(*grid, cwd=tmp_path)
    assert again.returncode == 1
    assert "2 finished, 2 failed; 0 to run" in again.stdout
    assert ": starts" not in again.stdout

    sets = [option.replace("edsr_small,smfanet_small", "smfanet_small") for option in grid]
    retried = run(*sets, "retry_failed=true", cwd=tmp_path)
    assert [line for line in retried.stdout.splitlines() if ": starts" in line] == [
        f"smfanet_small-spconv-x2x3x4-seed-1: starts, log in {found.relative_to(tmp_path)}/train.log"
        for found, cell in read_cells(sweep).items()
        if cell.name == "smfanet_small-spconv-x2x3x4-seed-1"
    ]

    shown = succeed("sweep", "status", cwd=tmp_path)
    assert "outputs/sweep/unnamed: 4 cells, 2 finished, 2 failed" in shown
    assert re.search(r"smfanet_small-spconv-x2x3x4-seed0 +finished +1/1", shown)


def kill_all(process: "subprocess.Popen[str]", sweep: Path) -> None:
    """SIGKILL for the sweep and everything it started; waits until they are gone."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split()
    parents = dict(zip(map(int, listed[::2]), map(int, listed[1::2]), strict=True))

    def descends(pid: int) -> bool:
        return pid == process.pid or (pid in parents and descends(parents[pid]))

    for pid in sorted(filter(descends, parents), reverse=True):
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 30
    while "running" in by_state(sweep):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until(process: "subprocess.Popen[str]", sweep: Path, pattern: str, count: int) -> None:
    deadline = time.monotonic() + 300
    while len(list(sweep.glob(pattern))) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_six_cells_killed_twice_equal_the_uninterrupted_ones(tmp_path: Path) -> None:
    """Once in the middle of a training, once after the last step of another, before its results are there."""
    grid = options(tmp_path, "variant=spconv_x2,igconv,igconv_plus", "seed=0,1", "trainer.max_steps=40")
    succeed(*grid, "paths.output_dir=whole", cwd=tmp_path, limit=600)
    killed = tmp_path / "killed"

    process = start(*grid, "paths.output_dir=killed", cwd=tmp_path)
    wait_until(process, killed, "*/checkpoints/last.ckpt", 2)
    kill_all(process, killed)
    first = by_state(killed)
    assert [len(first[state]) for state in ("finished", "interrupted", "waiting")] == [1, 1, 4]

    process = start(*grid, "paths.output_dir=killed", cwd=tmp_path)
    wait_until(process, killed, "*/results.csv", 3)
    wait_until(process, killed, "*/checkpoints/last.ckpt", 4)
    kill_all(process, killed)
    assert len(by_state(killed)["finished"]) == 3

    printed = succeed(*grid, "paths.output_dir=killed", cwd=tmp_path, limit=600)
    assert "3 finished" in printed
    whole, parts = (
        {cell.name: results(folder) for folder, cell in read_cells(tmp_path / name).items()}
        for name in ("whole", "killed")
    )
    assert whole.keys() == parts.keys()
    assert len(whole) == 6
    for name, rows in whole.items():
        for ours, theirs in zip(rows, parts[name], strict=True):
            assert {**ours, "checkpoint": ""} == {**theirs, "checkpoint": ""}, name


@pytest.mark.slow
def test_a_stopped_sweep_says_so_and_goes_on_where_the_training_was(tmp_path: Path) -> None:
    grid = options(tmp_path, "seed=0,1", "trainer.max_steps=100000", "trainer.val_check_interval=100000")
    process = start(*grid, cwd=tmp_path)
    sweep = tmp_path / "outputs" / "sweep" / "unnamed"
    wait_until(process, sweep, "*/checkpoints/last.ckpt", 1)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "interrupted" in printed
    assert [cell.reason for cell in by_state(sweep)["interrupted"]] == ["stopped by SIGTERM"]
    (log,) = sweep.glob("*/train.log")
    assert "Stopped at step" in log.read_text()


@pytest.mark.slow
def test_a_killed_training_is_its_cells_alone_and_resumed_without_being_asked(tmp_path: Path) -> None:
    grid = options(tmp_path, "seed=0,1", "trainer.max_steps=60")
    process = start(*grid, cwd=tmp_path)
    sweep = tmp_path / "outputs" / "sweep" / "unnamed"
    wait_until(process, sweep, "*/checkpoints/last.ckpt", 1)
    (child,) = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(child), signal.SIGKILL)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "1 of 2 cells are not finished" in err
    assert [cell.reason for cell in by_state(sweep)["interrupted"]] == [
        "killed by SIGKILL, by hand or because memory ran out"
    ]
    assert "goes on" in succeed(*grid, cwd=tmp_path)


def test_two_sweeps_share_their_cells(tmp_path: Path) -> None:
    """As with a sweep for each GPU: neither waits while there is something to do, and each cell is trained once."""
    grid = options(tmp_path, "upsampler=spconv", "seed=0,1,-1", "trainer.max_steps=1")
    sweeps = [start(*grid, cwd=tmp_path) for _ in range(2)]
    said = [sweep.communicate(timeout=300)[0] for sweep in sweeps]
    trained = [re.findall(r"^(\S+): starts", text, re.MULTILINE) for text in said]
    names = sorted(name.rpartition("-seed")[2] for names in trained for name in names)
    assert names == ["-1", "0", "1"]
    assert all(trained)
    assert all(re.search(r"seed1 +[0-9.]+ +[0-9.]+", text) for text in said)


@pytest.mark.slow
def test_two_processes_in_each_of_two_cells(tmp_path: Path) -> None:
    grid = options(tmp_path, "seed=0,1", "trainer=ddp", "trainer.devices=2")
    succeed(*grid, cwd=tmp_path, limit=200)
    cells = read_cells(tmp_path / "outputs" / "sweep" / "unnamed")
    assert [cell.state for cell in cells.values()] == ["finished", "finished"]
    assert {path.name for path in (tmp_path / "outputs").glob("*/*")} == {"unnamed"}
    assert [len(results(folder)) for folder in cells] == [3, 3]
    assert all("on 2 × CPU" in (folder / "train.log").read_text() for folder in cells)


@pytest.mark.slow
def test_cells_of_a_cluster_run_at_the_same_time(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    grid = options(tmp_path, "seed=0,1", "hydra/launcher=submitit_local")
    printed = succeed(*grid, cwd=tmp_path, limit=200)
    assert len(re.findall(r"seed[01] +[0-9.]+", printed)) == 2
    assert [cell.state for cell in read_cells(tmp_path / "outputs" / "sweep" / "unnamed").values()] == ["finished"] * 2


@pytest.mark.slow
def test_a_job_of_one_task_starts_the_ranks_of_its_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Slurm describes the jobs that hydra/launcher=submitit_slurm asks it for."""
    slurm = {"NTASKS": 1, "NTASKS_PER_NODE": 1, "NNODES": 1, "PROCID": 0, "LOCALID": 0, "NODEID": 0, "JOB_ID": 7}
    for name, value in (slurm | {"JOB_NAME": "train", "NODELIST": "localhost"}).items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    succeed(*options(tmp_path), "trainer=ddp", "trainer.devices=2", cwd=tmp_path, limit=200)
    (log,) = (tmp_path / "outputs").rglob("train.log")
    assert "on 2 × CPU" in log.read_text()


@pytest.mark.slow
def test_a_further_benchmark_is_scored_without_training_again(tmp_path: Path) -> None:
    photographs(tmp_path / "Other" / "HR", count=2)
    succeed(*options(tmp_path), cwd=tmp_path)
    (folder,) = read_cells(tmp_path / "outputs" / "sweep" / "unnamed")
    before = (folder / "model.safetensors").read_bytes()
    printed = succeed(*options(tmp_path), f"benchmarks=[{tmp_path / 'Other'}]", cwd=tmp_path)
    assert "1 finished; 1 to run" in printed
    rows = results(folder)
    assert [(row["benchmark"], row["images"]) for row in rows] == [("folder", "1")] * 3 + [("Other", "2")] * 3
    assert (folder / "model.safetensors").read_bytes() == before
    assert "0 to run" in succeed(*options(tmp_path), f"benchmarks=[{tmp_path / 'Other'}]", cwd=tmp_path)


@pytest.mark.slow
def test_a_cell_that_another_sweep_trained_meanwhile_is_scored_as_this_one_asks(tmp_path: Path) -> None:
    photographs(tmp_path / "Other" / "HR", count=2)
    succeed(*options(tmp_path), cwd=tmp_path)
    ((folder, cell),) = read_cells(tmp_path / "outputs" / "sweep" / "unnamed").items()
    with alone(folder / LOCK):
        cell.write(folder, state="running")
        process = start(*options(tmp_path), f"benchmarks=[{tmp_path / 'Other'}]", cwd=tmp_path)
        assert process.stdout is not None
        while "Other processes are training" not in (line := process.stdout.readline()):
            assert line, process.communicate()[1]
        cell.write(folder, state="finished")
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert [row["benchmark"] for row in results(folder)] == ["folder"] * 3 + ["Other"] * 3


def test_values_that_make_no_other_training_are_told(tmp_path: Path) -> None:
    for name in ("A", "B"):
        photographs(tmp_path / name)
    done = run(*options(tmp_path, f"benchmarks={tmp_path / 'A'},{tmp_path / 'B'}"), cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "1 different trainings for 2 cells; values of benchmarks make no other training" in line
    assert line.endswith("give a list, benchmarks=[…]")
