"""Curves of a training, at whatever scales it was validated."""

import re
from pathlib import Path

from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.sections import Builder
from igconv_sr.report.training_curves import read_curves
from igconv_sr.runs.logged_names import LOSS, valid_images, valid_mean, valid_score
from igconv_sr.runs.trainings import Training
from report_runs import IGCONV, SPCONV, config, write_run


def test_curves_at_whole_and_rational_scales_are_drawn(tmp_path: Path) -> None:
    names = [LOSS, valid_mean(), valid_images(2), *(valid_score("psnr_y", scale) for scale in (2, 2.5, 8))]
    table = tmp_path / "metrics" / "version_0" / "metrics.csv"
    table.parent.mkdir(parents=True)
    table.write_text("\n".join([",".join(["step", *names]), "9,.5,30,0,31,29.5,25", "19,.4,31,0,32,30.5,26"]))
    curves = read_curves(Training(tmp_path, {}, {}, {}, has_results=True), "edsr", [])
    assert set(curves) == {LOSS, "valid/psnr_y_x2", "valid/psnr_y_x2.5", "valid/psnr_y_x8"}
    assert curves["valid/psnr_y_x2.5"].steps == (10, 20)
    assert curves["valid/psnr_y_x2.5"].values == (29.5, 30.5)


def test_a_part_that_a_full_disk_ended_does_not_keep_a_continued_training_out(tmp_path: Path) -> None:
    for part, rows in enumerate(("0,1\n1", "1,2\n2,3\n")):
        table = tmp_path / "metrics" / f"version_{part}" / "metrics.csv"
        table.parent.mkdir(parents=True)
        table.write_text(f"step,{LOSS}\n{rows}")
    skipped: list[str] = []
    curves = read_curves(Training(tmp_path, {}, {}, {}, has_results=True), "edsr", skipped)
    assert curves[LOSS].steps == (2, 3)
    (said,) = skipped
    assert said.startswith(f"A part of the curves of {tmp_path} is left out: ")
    assert "version_0/metrics.csv, line 3" in said


def test_a_report_of_a_scale_that_is_no_decimal_number(tmp_path: Path) -> None:
    """A configuration keeps it as it was typed, and logs name it by six digits."""
    scores = {("Set5", scale): {"a": (30.0, 0.9)} for scale in (7 / 3, 2)}
    run = write_run(tmp_path / "run", scores, config(IGCONV, ["7/3", 2]))
    write_run(tmp_path / "fgrep", scores, config({**IGCONV, "fgrep": True}, ["7/3", 2]))
    single = {("Set5", 7 / 3): {"a": (29.0, 0.8)}}
    write_run(tmp_path / "single", single, config(SPCONV, ["7/3"]), upsampler="spconv")
    table = run / "metrics" / "version_0" / "metrics.csv"
    table.parent.mkdir(parents=True)
    table.write_text(f"step,{valid_score('psnr_y', 2)},{valid_score('psnr_y', 7 / 3)}\n9,31,29.5\n")
    report = Builder(read_runs([tmp_path]), crops=0).build()
    sections = {section.anchor: section for section in report.sections}
    assert [picture.name for picture in sections["curves"].pictures] == ["curves-1-x2", "curves-1-x2-33333"]
    names = [picture.name for section in report.sections for picture in section.pictures]
    assert len(names) == 3
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in names), "a later report knows them by this form"
    (differences,) = sections["differences"].tables
    assert differences.title.startswith("×2.33333, minus edsr_small + spconv for ×2.33333 alone")
    assert [cell.text for cell in differences.rows[0][1:3]] == ["+1.00", "+0.1000"]
    assert [table.title.split(",")[0] for table in sections["cost"].tables] == ["×2 ×2.33333", "×2.33333"]
