"""The benchmark: both sides of a comparison compute the same, and its measures measure what they say."""

import csv
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from command_line import run, succeed
from igconv_sr.bench.attention import window_attention
from igconv_sr.bench.evaluation import ssim_against_torchmetrics
from igconv_sr.bench.hit_srf import step_against_all_pairs
from igconv_sr.bench.onnx import onnx_against_pytorch
from igconv_sr.bench.scan import selective_scan_against_loop
from igconv_sr.bench.store import build_against_decode, peak_bytes_of_processes
from igconv_sr.bench.upsampler import folded_against_pixel_shuffle
from igconv_sr.bench.upscale import folder_against_network
from igconv_sr.data.images.workers import worker_pool
from igconv_sr.measure.comparison import Comparison, measure
from igconv_sr.system.peak_memory import peak_bytes


def same(comparison: Comparison, tolerance: float) -> None:
    """Outputs and gradients agree; a gradient that is zero but for rounding is measured by the largest of all."""
    torch.manual_seed(0)
    ours, reference = list(comparison.ours()), list(comparison.reference())
    assert len(ours) == len(reference)
    floor = 1e-3 * max(float(x.abs().max()) for x in reference)
    for index, (own, expected) in enumerate(zip(ours, reference, strict=True)):
        assert own.shape == expected.shape
        error = float((own - expected).abs().max()) / max(float(expected.abs().max()), floor)
        assert error <= tolerance, f"{comparison.name}: tensor {index}"


@pytest.mark.parametrize("shifted", [False, True], ids=["plain", "shifted"])
@pytest.mark.parametrize("batch", [1, 3])
def test_window_attention(batch: int, shifted: bool) -> None:
    same(window_attention(batch, shifted, side=16, window=4, channels=12, heads=2), 1e-5)


def test_selective_scan() -> None:
    same(selective_scan_against_loop(length=70, channels=5, states=3), 1e-5)


def test_ssim() -> None:
    same(ssim_against_torchmetrics(side=40), 1e-12)


def test_store() -> None:
    same(build_against_decode(width=130, height=90, repeats=2), 0)


def test_onnx() -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    same(onnx_against_pytorch("smfanet_small", side=24), 1e-5)


def test_upscale() -> None:
    # Channels in another order in memory sum up in another order: a value of 8 bits may round to its neighbour.
    same(folder_against_network("smfanet_small", pictures=3, side=24), 1.5 / 255)


def test_folded_upsampler() -> None:
    same(folded_against_pixel_shuffle(channels=8, height=9, width=7), 1e-6)


@pytest.mark.parametrize("depth", [2, 4])
def test_hit_srf(depth: int) -> None:
    same(step_against_all_pairs(side=16, depths=[depth]), 1e-4)


def test_peak_memory_is_what_is_held_at_once() -> None:
    size = 4 * 1000 * 1000

    def call() -> None:
        x = torch.ones(1000, 1000)
        x = x + 1
        del x
        torch.ones(1000, 1000)

    assert 2 * size <= peak_bytes(call) < 2.1 * size


def fill(size: int, meeting: Path, processes: int) -> None:
    """Holds memory until all processes do, and a little longer."""
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])
    (meeting / str(os.getpid())).touch()
    end = time.monotonic() + 60
    while len(list(meeting.iterdir())) < processes:
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.3)


def test_peak_memory_of_processes_is_what_all_hold_at_once(tmp_path: Path) -> None:
    size = 40 * 2**20
    processes = 1 + min(2, len(os.sched_getaffinity(0)))

    def call() -> None:
        with worker_pool(2) as pool:
            jobs = [pool.submit(fill, size, tmp_path, processes) for _ in range(2)]
            fill(size, tmp_path, processes)
            for job in jobs:
                job.result()

    # Whatever this process gives back of its own meanwhile is less than one of them holds.
    assert (processes - 1) * size <= peak_bytes_of_processes(call) < processes * size + 60 * 2**20


def test_the_time_limit_counts_the_first_calls_if_there_is_no_time_for_more() -> None:
    calls = []

    def side() -> Sequence[torch.Tensor]:
        calls.append(0)
        return ()

    found = measure(Comparison("nothing", side, side, limit=1.0), rounds=5, seconds=0)
    assert (found.rounds, len(calls)) == (1, 2)
    assert found.ratio == found.ours / found.reference


@pytest.mark.slow
def test_the_command_writes_its_tables(tmp_path: Path) -> None:
    printed = succeed("bench", "only=[upsampler]", "rounds=1", "paths.output_dir=out", cwd=tmp_path)
    assert printed.splitlines()[-1] == "Results in out"
    with (tmp_path / "out" / "bench.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert all(float(row["ratio"]) > 0 and row["holds"] in ("yes", "no") for row in rows)
    assert (tmp_path / "out" / "bench.md").read_text().count("\n| ") == 5
    assert not (tmp_path / "out" / "training.csv").exists()


@pytest.mark.parametrize("only", ["[atention]", "atention"])
def test_unknown_topics_are_named(tmp_path: Path, only: str) -> None:
    done = run("bench", f"only={only}", cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no topic 'atention'; there are upsampler, attention," in done.stderr
