"""Differences to SPConv where tables hold less than they might."""

from pathlib import Path

from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.sections import Builder
from report_runs import IGCONV, SPCONV, config, write_run


def write_runs(folder: Path) -> None:
    """IGConv a decibel above SPConv, with seeds that differ as much as images do."""
    for seed in (0, 1):
        for name, upsampler, gain in (("igconv", IGCONV, 1 + 0.1 * seed), ("spconv", SPCONV, 0)):
            scores = {("Set5", 2): {image: (30 + n + seed + gain, 0.9) for n, image in enumerate("abc")}}
            write_run(folder / f"{name}{seed}", scores, config(upsampler, [2], seed), upsampler=name)


def test_images_that_no_run_holds_are_left_out_of_differences_and_their_spread(tmp_path: Path) -> None:
    write_runs(tmp_path)
    for table in tmp_path.glob("*/results_per_image.csv"):
        kept = [line for line in table.read_text().splitlines() if not line.startswith("Set5,c,")]
        table.write_text("\n".join(kept))
    report = Builder(read_runs([tmp_path]), crops=0).build()
    (table,) = (table for section in report.sections if section.anchor == "differences" for table in section.tables)
    assert table.headings[1].group == "Set5, 2 images"
    # Student's t of one degree of freedom times the deviation of 1.0 and 1.1.
    assert (table.rows[0][1].text, table.rows[0][1].note) == ("+1.05", "+1.05 … +1.05; seeds ± 0.64")


def test_a_model_of_unknown_configuration_is_not_said_to_lack_a_partner(tmp_path: Path) -> None:
    write_runs(tmp_path)
    for seed in (0, 1):
        (tmp_path / f"igconv{seed}" / "config.yaml").unlink()
    report = Builder(read_runs([tmp_path]), crops=0).build()
    (left_out,) = (section.items for section in report.sections if section.anchor == "left-out")
    (reason,) = (line for line in left_out if "compared with no SPConv model" in line)
    assert reason.endswith("by standard: its configuration is not known.")
