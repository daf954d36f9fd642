"""The table and the figure that lead the report, against the numbers that the runs were given."""

import shutil
from pathlib import Path

import pytest

from igconv_sr.report.document import Report, Section
from igconv_sr.report.figures import Band, draw_bands, mark_of
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.overview import LESS, MORE, SAME
from igconv_sr.report.sections import Builder
from report_runs import IGCONV, SPCONV, config, edit_rows, write_bicubic, write_run

IMAGES = "abcde"
SHIFTS = {2: 0.5, 3: -0.5, 4: 0.0}
"""Of IGConv against the SPConv model of a scale, in dB."""


def scores(scales: tuple[float, ...], shift: dict[int, float], seed: int, steps: int) -> dict:
    """Images differ by a decibel each, seeds by two hundredths; where there is no shift, the sign follows the image."""
    return {
        ("Set5", scale): {
            image: (
                40
                - 3 * scale
                + steps / 10
                + number
                + 0.02 * seed
                + shift.get(int(scale), 0)
                + (0.3 * (-1) ** number if shift.get(int(scale)) == 0 and number else 0),
                0.9,
            )
            for number, image in enumerate(IMAGES)
        }
        for scale in scales
    }


@pytest.fixture
def overview(tmp_path: Path) -> Section:
    for steps in (5, 10):
        for seed in (0, 1):
            name, known = f"{steps}-{seed}", {"steps": steps, "seed": seed}
            settings = config(IGCONV, [2, 3, 4], seed)
            write_run(tmp_path / f"ig{name}", scores((2, 3, 4, 2.5), SHIFTS, seed, steps), settings, **known)
            for scale in (2, 3, 4):
                write_run(
                    tmp_path / f"sp{scale}-{name}",
                    scores((scale,), {}, seed, steps),
                    config(SPCONV, [scale], seed),
                    upsampler="spconv",
                    params=400,
                    **known,
                )
    write_bicubic(tmp_path / "bicubic", scores((2, 3, 4, 2.5), {}, 0, 0))
    return leading(tmp_path)


def leading(folder: Path) -> Section:
    report: Report = Builder(read_runs([folder]), crops=0).build()
    assert report.sections[0].anchor == "overview"
    return report.sections[0]


def test_the_table_is_laid_out_as_in_the_paper(overview: Section) -> None:
    longest, shorter = overview.tables
    assert "10 steps" in longest.title
    assert "5 steps" in shorter.title
    assert [heading.name for heading in longest.headings] == ["", "×2", "×2.5", "×3", "×4", "params", "seeds"]
    assert [row[0].text for row in longest.rows] == ["bicubic", "three SPConv models", "IGConv"]
    _, spconv, igconv = longest.rows
    mean = 40 - 6 + 1 + 2 + 0.01
    assert spconv[1].text == f"{mean:.2f} / 0.9000"
    assert igconv[1].text == f"{mean + 0.5:.2f} / 0.9000"
    assert spconv[2].text == "–", "a model per scale has no answer between the scales"
    assert igconv[2].text != "–"
    assert [cell.text for cell in (spconv[5], igconv[5])] == ["1,200", "1,000"]


def test_differences_are_marked_by_what_chance_can_do(overview: Section) -> None:
    igconv = overview.tables[0].rows[2]
    assert [igconv[number].note for number in (1, 3)] == [f"+0.50 {MORE}", f"-0.50 {LESS}"]
    assert igconv[4].note.endswith(SAME), "its sign changes from image to image"
    (sentence,) = overview.text[1:]
    assert "-0.50 to +0.50 dB against three SPConv models of as many steps each, with 83% of their" in sentence
    assert "of 3 comparisons 1 above, 1 below, 1 not told apart" in sentence


def test_models_per_scale_with_other_numbers_of_seeds_say_so(overview: Section, tmp_path: Path) -> None:
    assert [row[-1].text for row in overview.tables[0].rows] == ["–", "2", "2"]
    shutil.rmtree(tmp_path / "sp3-10-1")
    assert [row[-1].text for row in leading(tmp_path).tables[0].rows] == ["–", "1 to 2", "2"]


def test_the_figure_counts_the_steps_of_all_models_together(overview: Section) -> None:
    (picture,) = overview.pictures
    assert "×3, three SPConv models: 34.01 dB after 30 steps" in picture.alt
    assert "×3, IGConv: 33.51 dB after 10 steps" in picture.alt


def test_points_and_rows_point_at_each_other(overview: Section) -> None:
    (picture,) = overview.pictures
    longest, shorter = overview.tables
    assert (picture.table, shorter.anchor) == (longest.anchor, "")
    for table in overview.tables:
        bicubic, *rows = (row[0].mark for row in table.rows)
        assert bicubic is None, "it is not in the figure"
        assert [(mark.glyph, mark.figure) for mark in rows if mark] == [("●", picture.name), ("■", picture.name)]


def test_points_look_like_the_marks_of_their_rows() -> None:
    bands = [Band(label, [1, 2], [1, 2], [1, 2], [1, 2]) for label in ("a", "b")]
    glyphs = {"o": "●", "s": "■"}
    for columns, width, height in ((2, 2, 1), (1, 1, 2)):
        figure = draw_bands({"×2": bands, "×3": bands[1:]}, ["a", "b"], "steps", "PSNR", columns)
        grid = figure.axes[0].get_gridspec()
        assert grid is not None
        assert (grid.ncols, grid.nrows) == (width, height)
        for axes, numbers in zip(figure.axes, ((0, 1), (1,)), strict=True):
            drawn = [(glyphs[str(line.get_marker())], line.get_color()) for line in axes.get_lines()]
            assert drawn == [mark_of(number, "")[:2] for number in numbers]


def test_an_arm_that_the_first_scale_lacks_is_in_the_legend() -> None:
    bands = [Band(label, [1, 2], [1, 2], [1, 2], [1, 2]) for label in ("a", "b")]
    figure = draw_bands({"×2": bands[1:], "×3": bands}, ["a", "b"], "steps", "PSNR", 2)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"a", "b"}


def test_pictures_of_another_program_are_not_called_bicubic(overview: Section, tmp_path: Path) -> None:
    write_bicubic(tmp_path / "pictures" / "HAT", scores((2, 3, 4), {}, 0, 100))
    edit_rows(tmp_path / "pictures", lambda row: row.update(model="HAT", checkpoint="/pictures"))
    assert leading(tmp_path).tables == overview.tables


def test_a_protocol_without_luma_has_no_table_of_luma(overview: Section, tmp_path: Path) -> None:
    edit_rows(tmp_path, lambda row: row.update(protocol="rgb", psnr_y="", ssim_y=""))
    assert overview.tables
    report = Builder(read_runs([tmp_path]), crops=0).build()
    assert "overview" not in {section.anchor for section in report.sections}


def test_names_of_figures_are_names_of_files_everywhere(overview: Section, tmp_path: Path) -> None:
    edit_rows(tmp_path, lambda row: row.update(benchmark="My set (a)"))
    (before,), (picture,) = overview.pictures, leading(tmp_path).pictures
    assert picture.name == before.name.replace("set5", "my-set-a")


def test_the_verdict_names_the_models_that_it_compares_with(tmp_path: Path) -> None:
    """While a sweep runs, only one SPConv model by L1 alone may be there, but all with the frequency loss."""
    write_run(tmp_path / "ig", scores((2, 3), SHIFTS, 0, 5), config(IGCONV, [2, 3]))
    with_frequency = {"loss": {"l1": 1.0, "frequency": 0.05}}
    spconv = {"upsampler": "spconv", "params": 400}
    for scale in (2, 3):
        run = scores((scale,), {}, 0, 5)
        write_run(tmp_path / f"f{scale}", run, config(SPCONV, [scale]) | with_frequency, **spconv)
    write_run(tmp_path / "l1", scores((3,), {}, 0, 5), config(SPCONV, [3]), **spconv)
    assert not [text for text in leading(tmp_path).text if "with the frequency loss" in text]


def test_models_are_compared_with_those_trained_alike(tmp_path: Path) -> None:
    """Where two learning rates were tried, the better one is not to look like the better upsampler."""
    for rate, gain in (("slow", 0.0), ("fast", 1.0)):
        optim = {"optim": {"optimizer": {"lr": {"slow": 0.001, "fast": 0.002}[rate]}}}
        shifted = scores((2, 3), {scale: gain + shift for scale, shift in SHIFTS.items()}, 0, 5)
        write_run(tmp_path / f"ig-{rate}", shifted, config(IGCONV, [2, 3]) | optim)
        for scale in (2, 3):
            run = scores((scale,), {scale: gain + 1e-6}, 0, 5)
            spconv = {"upsampler": "spconv", "params": 400}
            write_run(tmp_path / f"sp{scale}-{rate}", run, config(SPCONV, [scale]) | optim, **spconv)
    overview = leading(tmp_path)
    (table,) = overview.tables
    notes = {row[0].text: [cell.note for cell in row[1:3]] for row in table.rows}
    for rate in ("0.001", "0.002"):
        assert notes.pop(f"two SPConv models, optim.optimizer.lr={rate}") == ["", ""]
        assert notes.pop(f"IGConv, optim.optimizer.lr={rate}") == [f"+0.50 {MORE}", f"-0.50 {LESS}"]
        (verdict,) = [text for text in overview.text if f"IGConv, optim.optimizer.lr={rate}" in text]
        assert f"-0.50 to +0.50 dB against two SPConv models, optim.optimizer.lr={rate} of" in verdict
    assert not notes
