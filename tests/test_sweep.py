"""A sweep trains every combination, each in a folder of its own."""

import csv
from pathlib import Path

from commands import TINY, photographs, succeed


def test_every_combination_has_its_own_results(tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    tiny = [option for option in TINY if not option.startswith("model.")]
    succeed(
        "sweep",
        "model=edsr_small,smfanet_small",
        "upsampler=spconv,igconv",
        *tiny,
        f"data.root={tmp_path / 'pictures'}",
        "debug=fast",
        "trainer.max_steps=1",
        cwd=tmp_path,
    )
    (sweep,) = (tmp_path / "outputs" / "sweep").iterdir()
    rows = [row for file in sweep.glob("*/results.csv") for row in csv.DictReader(file.open())]
    combinations = {(row["model"], row["upsampler"]) for row in rows}
    assert combinations == {(m, u) for m in ("edsr_small", "smfanet_small") for u in ("spconv", "igconv")}
    assert len(rows) == 4 * 3
    assert len({row["checkpoint"] for row in rows}) == 4
