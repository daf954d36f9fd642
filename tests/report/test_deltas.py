"""Differences to SPConv where tables hold less than they might."""

from pathlib import Path

from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.sections import Builder
from report_runs import IGCONV, SPCONV, config, edit_rows, write_run


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


def test_a_scale_without_a_model_of_as_many_steps_is_compared_with_another(tmp_path: Path) -> None:
    """As while a sweep runs: of ×3 only the shorter training is there."""
    images = {"a": (30.0, 0.9), "b": (31.0, 0.9)}
    write_run(tmp_path / "ig", {("Set5", 2): images, ("Set5", 3): images}, config(IGCONV, [2, 3]))
    for scale, steps in ((2, 5), (2, 3), (3, 3)):
        settings = config(SPCONV, [scale]) | {"trainer": {"max_steps": steps}}
        known = {"upsampler": "spconv", "steps": steps, "params": 400}
        write_run(tmp_path / f"sp{scale}-{steps}", {("Set5", scale): images}, settings, **known)
    report = Builder(read_runs([tmp_path]), crops=0).build()
    (section,) = (section for section in report.sections if section.anchor == "differences")
    compared = [(table.title[:2], table.note.split(";")[0]) for table in section.tables]
    assert compared == [("×2", "The spconv model: 5 steps"), ("×3", "The spconv model: 3 steps")]


def test_a_protocol_without_luma_is_compared_by_colour(tmp_path: Path) -> None:
    write_runs(tmp_path)
    edit_rows(tmp_path, lambda row: row.update(protocol="rgb", psnr_y="", ssim_y=""))
    report = Builder(read_runs([tmp_path]), crops=0).build()
    (section,) = (section for section in report.sections if section.anchor == "differences")
    (table,) = section.tables
    assert [heading.name for heading in table.headings[1:2]] == ["PSNR RGB"]
    assert [row[1].text for row in table.rows] == ["+1.05"]
