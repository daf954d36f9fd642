"""The rows under experiments/: whole, free of the machine that made them, and what their READMEs say of them."""

import csv
import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from igconv_sr.report.found_runs import read_runs

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"

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
LINE, PLUS = "three SPConv models", "IGConv+"


def test_a_report_can_be_made_of_all() -> None:
    runs = read_runs([EXPERIMENTS])
    assert not runs.skipped
    assert not runs.unfinished
    assert all(found.training or found.source["model"] == "bicubic" for found in runs.measured)
    assert len(runs.measured) >= 40


def test_no_path_of_a_machine() -> None:
    for path in (path for path in EXPERIMENTS.rglob("*") if path.suffix not in (".png", "") and path.is_file()):
        assert not re.search(r"(^|[\s,\"'=\[])/(work|home|root|tmp)/", path.read_text(), re.MULTILINE), path


def spanned(values: Sequence[float]) -> str:
    least, most = (round(value, 2) + 0.0 for value in (min(values), max(values)))  # no negative zero
    return f"{least:+.2f} to {most:+.2f} dB"


@dataclass(frozen=True)
class Comparison:
    """An experiment that compares one model with three.

    Attributes:
        name: Of its folder.
        n: Steps of one model.
        arms: Rows of its table.
        table_name: What stands around the table in the README.
    """

    name: str
    n: int
    arms: tuple[str, ...]
    table_name: str = "table"

    @cached_property
    def text(self) -> str:
        return (EXPERIMENTS / self.name / "README.md").read_text()

    @cached_property
    def cells(self) -> Mapping[tuple[str, int], Mapping[str, Mapping[Place, float]]]:
        """PSNR by variant and steps, then seed, then benchmark and scale."""
        found: dict[tuple[str, int], dict[str, dict[Place, float]]] = {}
        for path in (EXPERIMENTS / self.name).glob("cells/*/cell.json"):
            (variant,) = (part[8:] for part in json.loads(path.read_text())["overrides"] if part.startswith("variant="))
            with (path.parent / "results.csv").open() as file:
                rows = list(csv.DictReader(file))
            seeds = found.setdefault((variant, int(rows[0]["steps"])), {})
            seeds[rows[0]["seed"]] = {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for row in rows}
        return found

    @cached_property
    def table(self) -> dict[str, str]:
        """Numbers of the README's table by the names of its rows."""
        inside = self.text.partition(f"<!-- {self.table_name} -->")[2].partition(f"<!-- /{self.table_name} -->")[0]
        return dict(re.findall(r"^\| (.+?) \| (.+) \|$", inside, re.MULTILINE)[1:])

    @cached_property
    def verdict(self) -> list[str]:
        return re.findall(r"^\d\. (.+?)$", re.sub(r"\n   ", " ", self.text), re.MULTILINE)

    def params(self, variant: str) -> int:
        """Parameters of a model of a variant."""
        for path in (EXPERIMENTS / self.name).glob("cells/*/cell.json"):
            if f"variant={variant}" in json.loads(path.read_text())["overrides"]:
                with (path.parent / "results.csv").open() as file:
                    return int(next(csv.DictReader(file))["params"])
        raise KeyError(variant)

    def psnr(self, arm: str, steps: int, place: Place) -> dict[str, float]:
        """PSNR by seed."""
        return {seed: rows[place] for seed, rows in self.cells[ARMS[arm].format(scale=place[1]), steps].items()}

    def mean(self, arm: str, place: Place, steps: int | None = None) -> float:
        return statistics.fmean(self.psnr(arm, steps or self.n, place).values())

    def gains(self, arm: str, other: str, steps: int | None = None, other_steps: int | None = None) -> list[float]:
        return [self.mean(arm, place, steps) - self.mean(other, place, other_steps) for place in PLACES]

    def doubled(self, variant: str, scales: str, steps: int) -> list[float]:
        """What twice the steps change, at the scales, of the first seed."""
        once, twice = (self.cells[variant, times * steps]["0"] for times in (1, 2))
        return [twice[place] - once[place] for place in PLACES if place[1] in scales]


WHOLE, LESS_PARTS = tuple(ARMS)[:5], tuple(ARMS)[5:]
EDSR = Comparison("mini_table2", 16_000, WHOLE)
EDSR_PARTS = Comparison("mini_table2", 8000, (LINE, PLUS, *LESS_PARTS), "parts")
SMFANET = Comparison("mini_table2_smfanet", 16_000, WHOLE)
SMFANET_PARTS = Comparison("mini_table2_smfanet", 8000, (LINE, PLUS, *LESS_PARTS), "parts")
TABLES = [EDSR, EDSR_PARTS, SMFANET, SMFANET_PARTS]
of_every_arm = pytest.mark.parametrize(
    ("mini", "arm"),
    [(mini, arm) for mini in TABLES for arm in mini.arms],
    ids=lambda one: f"{one.name}-{one.table_name}" if isinstance(one, Comparison) else one,
)


@pytest.mark.parametrize("mini", TABLES, ids=lambda mini: f"{mini.name}-{mini.table_name}")
def test_every_arm_has_its_row_and_the_same_seeds(mini: Comparison) -> None:
    assert list(mini.table) == ["bicubic", *mini.arms]
    seeds = {tuple(sorted(mini.psnr(arm, mini.n, place))) for arm in mini.arms for place in PLACES}
    assert len(seeds) == 1
    assert f"seeds {', '.join(*seeds)}" in mini.text


@of_every_arm
def test_numbers_of_the_table(mini: Comparison, arm: str) -> None:
    found = [mini.mean(arm, place) for place in PLACES]
    assert [float(number) for number in re.findall(r"\d\d\.\d\d", mini.table[arm])] == pytest.approx(found, abs=0.0051)
    if arm != LINE:
        stated = re.findall(r"<br>([+-]\d\.\d\d) \[", mini.table[arm])
        assert [float(number) for number in stated] == pytest.approx(mini.gains(arm, LINE), abs=0.0051)


STUDENT_T = {2: 12.7062, 3: 4.3027}
"""Quantiles of 95 %, by the number of seeds."""


@of_every_arm
def test_intervals_over_the_seeds(mini: Comparison, arm: str) -> None:
    if arm == LINE:
        return
    stated = [float(number) for number in re.findall(r"± (\d\.\d\d)", mini.table[arm])]
    for place, number in zip(PLACES, stated, strict=True):
        ours, theirs = (mini.psnr(one, mini.n, place) for one in (arm, LINE))
        differences = [ours[seed] - theirs[seed] for seed in ours]
        half = STUDENT_T[len(differences)] * statistics.stdev(differences) / math.sqrt(len(differences))
        assert number == pytest.approx(half, abs=0.0051)


def stated(mini: Comparison, sentence: int, *found: Sequence[float]) -> None:
    for part in map(spanned, found):
        assert part in mini.verdict[sentence], f"{part}: {mini.verdict[sentence]}"


def test_the_verdict_on_edsr_follows_from_the_rows() -> None:
    assert len(EDSR.verdict) == 5
    stated(EDSR, 0, EDSR.gains(PLUS, LINE))
    stated(EDSR, 1, EDSR.gains(PLUS, LINE, 4000, 2000), EDSR.gains(PLUS, LINE, 16_000, 8000))
    frequency = EDSR_PARTS.gains(PLUS, f"{PLUS} without the frequency loss")
    stated(EDSR, 2, EDSR.gains(f"{LINE} with the frequency loss", PLUS), frequency)
    stated(EDSR, 3, EDSR.gains("IGConv", LINE), EDSR.gains("SPConv, a head per scale", LINE))
    less_sampling = f"{PLUS} without IGSample"
    between = [
        EDSR_PARTS.mean(PLUS, (benchmark, "2.5")) - EDSR_PARTS.mean(less_sampling, (benchmark, "2.5"))
        for benchmark in ("Set5", "Set14")
    ]
    stated(EDSR, 4, EDSR_PARTS.gains(PLUS, f"{PLUS} without FGRep"), EDSR_PARTS.gains(PLUS, less_sampling), between)


def with_present_start(name: str) -> dict[Place, float]:
    """Mean PSNR of three trainings in which IGSample began as now."""
    found: dict[Place, list[float]] = {}
    for seed in "012":
        with (EXPERIMENTS / "igsample_start" / f"{name}-seed{seed}" / "results.csv").open() as file:
            for row in csv.DictReader(file):
                found.setdefault((row["benchmark"], row["scale"]), []).append(float(row["psnr_y"]))
    return {place: statistics.fmean(values) for place, values in found.items()}


def test_the_verdict_on_smfanet_follows_from_the_rows() -> None:
    assert len(SMFANET.verdict) == 5
    with_frequency = f"{LINE} with the frequency loss"
    stated(SMFANET, 0, SMFANET.gains(PLUS, LINE))
    stated(SMFANET, 1, SMFANET.gains(with_frequency, LINE), SMFANET.gains(PLUS, with_frequency))
    stated(SMFANET, 2, SMFANET.gains("IGConv", LINE), SMFANET.gains("SPConv, a head per scale", LINE))
    parts = [SMFANET_PARTS.gains(PLUS, f"{PLUS} without {part}") for part in ("IGSample", "FGRep")]
    less = with_present_start("smfanet_tiny-without_frequency")
    stated(SMFANET, 3, [SMFANET_PARTS.mean(PLUS, place) - less[place] for place in PLACES], *parts)
    assert (
        f"{SMFANET.params('igconv_plus') / sum(SMFANET.params(f'spconv_x{scale}') for scale in '234'):.0%}".replace(
            "%", " %"
        )
        in SMFANET.verdict[4]
    )


def test_igconv_plus_without_the_frequency_loss_on_smfanet() -> None:
    text = SMFANET.text.replace("\n", " ")
    final = {seed: rows["Set5", "2"] for seed, rows in SMFANET.cells["igconv_plus_without_frequency", 8000].items()}
    bicubic = float(SMFANET.table["bicubic"].split(" | ")[0])
    below = [f"{final[seed]:.2f}" for seed in sorted(final) if final[seed] < bicubic]
    assert (len(final), len(below)) == (3, 2)
    assert f"two are still below bicubic on Set5 at ×2 in the end ({' and '.join(below)} dB)" in text
    early = set()
    for path in (EXPERIMENTS / SMFANET.name).glob("cells/*/metrics/version_0/metrics.csv"):
        overrides = json.loads((path.parents[2] / "cell.json").read_text())["overrides"]
        if {"variant=igconv_plus_without_frequency", "budget.steps=8000"} <= set(overrides):
            with path.open() as file:
                found = {
                    row["step"]: row["valid/psnr_y_mean"] for row in csv.DictReader(file) if row["valid/psnr_y_mean"]
                }
            early.add(f"{float(found['1999']):.2f}")
    assert f"all three seeds stood at {' '.join(early)} dB" in text
    now = with_present_start("smfanet_tiny-without_frequency")
    behind = spanned([now[place] - SMFANET_PARTS.mean(LINE, place) for place in PLACES])
    assert f"IGConv+ without the frequency loss is {behind} from the three SPConv models" in text


@pytest.mark.parametrize("steps", [4000, 8000, 16_000])
def test_the_lead_on_smfanet_by_the_steps(steps: int) -> None:
    plain, frequency = (
        spanned(SMFANET.gains(PLUS, other, steps, steps)) for other in (LINE, f"{LINE} with the frequency loss")
    )
    assert f"| {steps:,} | {plain} | {frequency} |" in SMFANET.text


def told_by_steps(least: int) -> str:
    """The lengths from ``least`` to 32,000 in words."""
    lengths = [f"{steps:,}" for steps in (2000, 4000, 8000, 16_000, 32_000) if steps >= least]
    return f"after {', '.join(lengths[:-1])} and {lengths[-1]} steps"


def test_the_lead_on_smfanet_shrinks_with_the_steps() -> None:
    place = ("Set5", "2")
    leads = [
        SMFANET.cells["igconv_plus", steps]["0"][place] - SMFANET.cells["spconv_x2", steps]["0"][place]
        for steps in (2000, 4000, 8000, 16_000, 32_000)
    ]
    assert leads == sorted(leads, reverse=True)
    told = f"IGConv+ is {', '.join(f'{lead:+.2f}' for lead in leads)} dB above SPConv {told_by_steps(2000)} (seed 0)"
    assert told in SMFANET.text.replace("\n", " ")
    assert 2 * leads[-1] - leads[-2] < 0, "as much less again leaves nothing"


def test_igconv_between_its_scales_on_smfanet() -> None:
    def shown(variant: str) -> str:
        values = [SMFANET.cells[variant, steps]["0"]["Set5", "2.5"] for steps in (4000, 8000, 16_000, 32_000)]
        return ", ".join(f"{value:.2f}" for value in values)

    told = f"IGConv has {shown('igconv')} dB on Set5 {told_by_steps(4000)} (seed 0), IGConv+ "
    assert told + f"{shown('igconv_plus')}." in SMFANET.text.replace("\n", " ")


DOUBLED = {
    "SPConv for ×2": ("spconv_x2", "2"),
    "SPConv, a head per scale": ("spconv", "234"),
    "IGConv": ("igconv", "234"),
}
DOUBLED |= {"IGConv+": ("igconv_plus", "234")}


@pytest.mark.parametrize(("mini", "lengths"), [(EDSR, (16_000,)), (SMFANET, (8000, 16_000))], ids=["edsr", "smfanet"])
@pytest.mark.parametrize("head", DOUBLED)
def test_what_a_doubling_of_the_steps_changes(mini: Comparison, lengths: Sequence[int], head: str) -> None:
    changes = [spanned(mini.doubled(*DOUBLED[head], steps)) for steps in lengths]
    assert f"| {' | '.join([head, *changes])} |" in mini.text


def test_edsr_has_converged_but_for_igconv_in_one_place() -> None:
    changes = {head: EDSR.doubled(*DOUBLED[head], EDSR.n) for head in DOUBLED}
    beyond = {head: [f"{change:.2f}" for change in found if abs(change) > 0.15] for head, found in changes.items()}
    assert {head: found for head, found in beyond.items() if found} == {"IGConv": ["0.16"]}
    assert len(changes["IGConv"]) == 6
    assert "by more than 0.15 dB but IGConv in one of its six places, by 0.16" in EDSR.text


def test_of_smfanet_only_igconv_plus_has_converged() -> None:
    most = {head: max(map(abs, SMFANET.doubled(*DOUBLED[head], 16_000))) for head in DOUBLED}
    assert [head for head, change in most.items() if change <= 0.15] == ["IGConv+"]


LENGTHS_OF_ALL = (2000, 4000, 8000, 16_000)


@pytest.mark.parametrize("steps", LENGTHS_OF_ALL)
def test_what_one_model_is_worth_by_the_steps(steps: int) -> None:
    igconv, plus = (spanned(EDSR.gains(arm, LINE, steps, steps)) for arm in ("IGConv", PLUS))
    assert f"| {steps:,} | {igconv} | {plus} |" in EDSR.text


LENGTHS = (250, 500, 1000, 2000, 4000)


def start(variant: str, steps: int) -> dict[Place, float]:
    """PSNR of seed 0, of the runs for FGRep's start or else of the mini table."""
    path = EXPERIMENTS / "fgrep_start" / f"{variant}-{steps}" / "results.csv"
    if not path.is_file():
        return dict(EDSR.cells.get((variant, steps), {}).get("0", {}))
    with path.open() as file:
        return {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("steps", LENGTHS)
def test_what_fgrep_costs_at_the_start(steps: int) -> None:
    values = []
    for with_it, without in (("igconv_fgrep", "igconv"), ("igconv_plus", "igconv_plus_without_fgrep")):
        a, b = start(with_it, steps), start(without, steps)
        values.append(spanned([a[place] - b[place] for place in PLACES]) if a and b else "–")
    assert values[1] != "–"
    assert f"| {steps:,} | {values[0]} | {values[1]} |" in EDSR.text


@pytest.mark.parametrize(("mini", "model"), [(EDSR, "edsr_small"), (SMFANET, "smfanet_tiny")], ids=["edsr", "smfanet"])
def test_what_the_start_of_igsample_changes(mini: Comparison, model: str) -> None:
    now = with_present_start(model)
    changes = [now[place] - mini.mean(PLUS, place, 4000) for place in PLACES]
    assert f"IGConv+ with it is {spanned(changes)} from the rows here" in mini.text.replace("\n", " ")


def test_the_start_of_igsample_changes_little_on_edsr_without_the_frequency_loss() -> None:
    arm, now = f"{PLUS} without the frequency loss", with_present_start("edsr_small-without_frequency")
    changes = [now[place] - EDSR_PARTS.mean(arm, place) for place in PLACES]
    assert max(map(abs, changes)) < 0.05
    told = f"IGConv+ is {spanned(changes)} from the rows here with it (after 8,000 steps)"
    assert told in EDSR.text.replace("\n", " ")
