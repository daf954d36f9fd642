"""The rows under experiments/: whole, free of the machine that made them, and what their READMEs say of them."""

import csv
import json
import re
from pathlib import Path

import pytest

from igconv_sr.report.found_runs import read_runs

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
MINI = EXPERIMENTS / "mini_table2"
VARIANTS = {
    "IGConv": "igconv",
    "with FGRep": "igconv_fgrep",
    "with the frequency loss": "igconv_frequency",
    "with IGSample": "igconv_igsample",
    "IGConv+": "igconv_plus",
}


def test_a_report_can_be_made_of_all() -> None:
    runs = read_runs([EXPERIMENTS])
    assert not runs.skipped
    assert not runs.unfinished
    assert all(found.training or found.source["model"] == "bicubic" for found in runs.measured)
    assert len(runs.measured) >= 19


def test_no_path_of_a_machine() -> None:
    for path in (path for path in EXPERIMENTS.rglob("*") if path.is_file()):
        assert not re.search(r"(^|[\s,\"'=\[])/(work|home|root|tmp)/", path.read_text(), re.MULTILINE), path


def psnr(cell: str) -> dict[tuple[str, str], float]:
    """By benchmark and scale."""
    (folder,) = (
        path.parent
        for path in MINI.glob("cells/*/cell.json")
        if json.loads(path.read_text())["name"] == f"{cell}-seed0"
    )
    with (folder / "results.csv").open() as file:
        return {(row["benchmark"], row["scale"]): float(row["psnr_y"]) for row in csv.DictReader(file)}


ROWS = re.findall(r"^\| `(\w+)` \| (.+?) \| ([\d,]+) \| (.+) \|$", (MINI / "README.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("encoder", "variant", "steps", "differences"), ROWS)
def test_differences_of_the_mini_table(encoder: str, variant: str, steps: str, differences: str) -> None:
    model = psnr(f"{encoder}-{VARIANTS[variant]}{'_3x' if steps == '1,500' else ''}-x2x3x4")
    places = [(benchmark, scale) for benchmark in ("Set5", "Set14") for scale in "234"]
    stated = [float(number) for number in re.findall(r"([+-][\d.]+) \(", differences)]
    found = [model[place] - psnr(f"{encoder}-spconv_x{place[1]}-x{place[1]}")[place] for place in places]
    assert stated == pytest.approx(found, abs=0.0051)
