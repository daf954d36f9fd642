"""When a finished cell has to be scored again."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from igconv_sr.sweep.cell import Cell
from igconv_sr.sweep.cell_scores import print_results, scored_as, summary
from report_runs import write_run

ASKED = {"benchmarks": ["/Set5"], "further_scales": [2.5], "tile": None, "tile_overlap": 32}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"tile_overlap": 8}, True),  # of no tiles
        ({"tile": 64}, False),
        ({"benchmarks": ["/Set5", "/Set14"]}, False),
        ({"further_scales": []}, False),
    ],
)
def test_results_are_of_the_benchmarks_scales_and_tiles_asked_for(
    tmp_path: Path, change: dict[str, Any], expected: bool
) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(ASKED))
    assert not scored_as(tmp_path, ASKED), "there are no results yet"
    (tmp_path / "results.csv").touch()
    assert scored_as(tmp_path, ASKED | change) == expected


def test_of_tiles_the_overlap_counts(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(ASKED | {"tile": 64}))
    (tmp_path / "results.csv").touch()
    assert not scored_as(tmp_path, ASKED | {"tile": 64, "tile_overlap": 8})


def test_results_of_different_protocols_share_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Memory may suffice for whole images of one cell and for tiles of another."""
    for name, psnr, protocol in (("a", 31.0, "standard"), ("b", 32.0, "standard+tile128")):
        folder = write_run(tmp_path / name, {("Set5", 2): {"baby": (psnr, 0.9)}}, protocol=protocol)
        Cell(f"cell-{name}", name, [], state="finished").write(folder)
    print_results(tmp_path, [tmp_path / "a", tmp_path / "b"])
    first, second = capsys.readouterr().out.split("Set5+tile128: PSNR (dB) on luma")
    assert "31.00" in first
    assert "32.00" not in first
    assert "32.00" in second
    assert summary(tmp_path / "b") == "PSNR Set5+tile128 ×2 32.00 dB"
