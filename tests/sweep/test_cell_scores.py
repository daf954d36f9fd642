"""When a finished cell has to be scored again."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from igconv_sr.sweep.cell_scores import scored_as

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
