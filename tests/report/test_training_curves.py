"""Curves of a training, at whatever scales it was validated."""

from pathlib import Path

from igconv_sr.report.training_curves import read_curves
from igconv_sr.runs.logged_names import LOSS, valid_images, valid_mean, valid_score
from igconv_sr.runs.trainings import Training


def test_curves_at_whole_and_rational_scales_are_drawn(tmp_path: Path) -> None:
    names = [LOSS, valid_mean(), valid_images(2), *(valid_score("psnr_y", scale) for scale in (2, 2.5, 8))]
    table = tmp_path / "metrics" / "version_0" / "metrics.csv"
    table.parent.mkdir(parents=True)
    table.write_text("\n".join([",".join(["step", *names]), "9,.5,30,0,31,29.5,25", "19,.4,31,0,32,30.5,26"]))
    curves = read_curves(Training(tmp_path, {}, {}, {}, has_results=True), "edsr", [])
    assert set(curves) == {LOSS, "valid/psnr_y_x2", "valid/psnr_y_x2.5", "valid/psnr_y_x8"}
    assert curves["valid/psnr_y_x2.5"].steps == (10, 20)
    assert curves["valid/psnr_y_x2.5"].values == (29.5, 30.5)
