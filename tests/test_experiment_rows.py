"""The rows under experiments/: whole, free of the machine that made them, and what their READMEs say of them."""

import csv
import json
import math
import re
import statistics
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from igconv_sr.report.found_runs import read_runs

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
MINI = EXPERIMENTS / "mini_table2"
TEXT = (MINI / "README.md").read_text()
N = 8000

Place = tuple[str, str]
PLACES = [(benchmark, scale) for benchmark in ("Set5", "Set14") for scale in "234"]
ARMS = {
    "three SPConv models": "spconv_x{scale}",
    "three SPConv models with the frequency loss": "spconv_frequency_x{scale}",
    "SPConv, a head per scale": "spconv",
    "IGConv": "igconv",
    "IGConv+": "igconv_plus",
    "IGConv+ without FGRep": "igconv_plus_without_fgrep",
    "IGConv+ without IGSample": "igconv_plus_without_igsample",
    "IGConv+ without the frequency loss": "igconv_plus_without_frequency",
}


def test_a_report_can_be_made_of_all() -> None:
    runs = read_runs([EXPERIMENTS])
    assert not runs.skipped
    assert not runs.unfinished
    assert all(found.training or found.source["model"] == "bicubic" for found in runs.measured)
    assert len(runs.measured) >= 40


def test_no_path_of_a_machine() -> None:
    for path in (path for path in EXPERIMENTS.rglob("*") if path.suffix not in (".png", "") and path.is_file()):
        assert not re.search(r"(^|[\s,\"'=\[])/(work|home|root|tmp)/", path.read_text(), re.MULTILINE), path


@cache
def cells() -> Mapping[tuple[str, int], Mapping[str, Mapping[Place, float]]]:
    """PSNR by variant and steps, then seed, then benchmark and scale."""
    found: dict[tuple[str, int], dict[str, dict[Place, float]]] = {}
    for path in MINI.glob("cells/*/cell.json"):
        (variant,) = (part[8:] for part in json.loads(path.read_text())["overrides"] if part.startswith("variant="))
        with (path.parent / "results.csv").open() as file:
            rows = list(csv.DictReader(file))
        seeds = found.setdefault((variant, int(rows[0]["steps"])), {})
        seeds[rows[0]["seed"]] = {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for row in rows}
    return found


def psnr(arm: str, steps: int, place: Place) -> dict[str, float]:
    """By seed."""
    return {seed: rows[place] for seed, rows in cells()[ARMS[arm].format(scale=place[1]), steps].items()}


def mean(arm: str, steps: int, place: Place) -> float:
    return statistics.fmean(psnr(arm, steps, place).values())


def gains(arm: str, other: str, steps: int = N, other_steps: int = N) -> list[float]:
    return [mean(arm, steps, place) - mean(other, other_steps, place) for place in PLACES]


def spanned(values: list[float]) -> str:
    return f"{min(values):+.2f} to {max(values):+.2f} dB"


ROWS = re.findall(r"^\| (.+?) \| (.+) \|$", TEXT.partition("<!-- table -->")[2].partition("<!-- /table -->")[0], re.M)[
    1:
]


def test_every_arm_has_its_row_and_the_same_seeds() -> None:
    assert [name for name, _ in ROWS] == ["bicubic", *ARMS]
    seeds = {tuple(sorted(psnr(arm, N, place))) for arm in ARMS for place in PLACES}
    assert len(seeds) == 1
    assert f"seeds {', '.join(*seeds)}" in TEXT


@pytest.mark.parametrize(("arm", "values"), [row for row in ROWS if row[0] in ARMS])
def test_numbers_of_the_table(arm: str, values: str) -> None:
    found = [mean(arm, N, place) for place in PLACES]
    assert [float(number) for number in re.findall(r"\d\d\.\d\d", values)] == pytest.approx(found, abs=0.0051)
    if arm != "three SPConv models":
        stated = re.findall(r"<br>([+-]\d\.\d\d) \[", values)
        assert [float(number) for number in stated] == pytest.approx(gains(arm, "three SPConv models"), abs=0.0051)


STUDENT_T = {2: 12.7062, 3: 4.3027}
"""Of 95 %, by the number of seeds."""


@pytest.mark.parametrize(("arm", "values"), [row for row in ROWS if row[0] in ARMS and row[0] != "three SPConv models"])
def test_intervals_over_the_seeds(arm: str, values: str) -> None:
    stated = [float(number) for number in re.findall(r"± (\d\.\d\d)", values)]
    for place, number in zip(PLACES, stated, strict=True):
        ours, theirs = psnr(arm, N, place), psnr("three SPConv models", N, place)
        differences = [ours[seed] - theirs[seed] for seed in ours]
        half = STUDENT_T[len(differences)] * statistics.stdev(differences) / math.sqrt(len(differences))
        assert number == pytest.approx(half, abs=0.0051)


VERDICT = re.findall(r"^\d\. (.+?)$", re.sub(r"\n   ", " ", TEXT), re.MULTILINE)


def stated(sentence: int, *parts: str) -> None:
    for part in parts:
        assert part in VERDICT[sentence], f"{part}: {VERDICT[sentence]}"


def test_the_verdict_has_five_sentences_and_each_follows_from_the_rows() -> None:
    assert len(VERDICT) == 5
    line, plus = "three SPConv models", "IGConv+"
    less = {part: f"{plus} without {part}" for part in ("FGRep", "IGSample", "the frequency loss")}
    stated(0, spanned(gains(plus, line)))
    stated(1, spanned(gains(plus, line, 4000, 2000)))
    stated(
        2,
        spanned(gains(f"{line} with the frequency loss", plus)),
        spanned(gains(plus, f"{plus} without the frequency loss")),
    )
    stated(3, spanned(gains("IGConv", line)), spanned(gains("SPConv, a head per scale", line)))
    between = [
        mean(plus, N, (benchmark, "2.5")) - mean(less["IGSample"], N, (benchmark, "2.5"))
        for benchmark in ("Set5", "Set14")
    ]
    stated(
        4,
        spanned(gains(plus, f"{plus} without FGRep")),
        spanned(gains(plus, f"{plus} without IGSample")),
        spanned(between),
    )


DOUBLED = {
    "SPConv for ×2": ("spconv_x2", "2"),
    "SPConv, a head per scale": ("spconv", "234"),
    "IGConv": ("igconv", "234"),
}
DOUBLED |= {"IGConv+": ("igconv_plus", "234")}


@pytest.mark.parametrize("head", DOUBLED)
def test_what_a_doubling_of_the_steps_changes(head: str) -> None:
    variant, scales = DOUBLED[head]
    changes = [
        cells()[variant, 2 * N]["0"][benchmark, scale] - cells()[variant, N]["0"][benchmark, scale]
        for benchmark in ("Set5", "Set14")
        for scale in scales
    ]
    assert f"| {head} | {spanned(changes)} |" in TEXT


LENGTHS = (250, 500, 1000, 2000, 4000)


def start(variant: str, steps: int) -> dict[Place, float]:
    """PSNR of seed 0, of the runs for FGRep's start or else of the mini table."""
    path = EXPERIMENTS / "fgrep_start" / f"{variant}-{steps}" / "results.csv"
    if not path.is_file():
        return dict(cells().get((variant, steps), {}).get("0", {}))
    with path.open() as file:
        return {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("steps", LENGTHS)
def test_what_fgrep_costs_at_the_start(steps: int) -> None:
    values = []
    for with_it, without in (("igconv_fgrep", "igconv"), ("igconv_plus", "igconv_plus_without_fgrep")):
        a, b = start(with_it, steps), start(without, steps)
        values.append(spanned([a[place] - b[place] for place in PLACES]) if a and b else "–")
    assert values[1] != "–"
    assert f"| {steps:,} | {values[0]} | {values[1]} |" in TEXT
