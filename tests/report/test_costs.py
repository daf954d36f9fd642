"""What models cost: points and rows of the same look belong together, and latencies to their device."""

from pathlib import Path

from igconv_sr.report.document import Report, Section
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.sections import Builder
from report_runs import IGCONV, SPCONV, config, write_run

SCORES = {("Set5", 2): {"a": (30, 0.9), "b": (31, 0.9)}}
LATENCIES = "model,upsampler,scale,params,latency_ms,peak_memory_mib,device,threads,height,width,commit"


def build(folder: Path) -> tuple[Section, str]:
    """The section of costs, and what was left out."""
    report: Report = Builder(read_runs([folder]), crops=0).build()
    by_anchor = {section.anchor: section for section in report.sections}
    return by_anchor["cost"], "\n".join(by_anchor["left-out"].items)


def test_an_encoder_without_points_bears_no_marks_of_one_whose_name_begins_alike(tmp_path: Path) -> None:
    write_run(tmp_path / "a", SCORES, config(IGCONV, [2]), model="edsr")
    write_run(tmp_path / "b", SCORES, config(IGCONV, [2]))
    write_run(tmp_path / "c", SCORES, config(SPCONV, [2]), upsampler="spconv")
    section, _ = build(tmp_path)
    (table,) = section.tables
    (figure,) = section.pictures
    marks = {row[0].text: row[0].mark for row in table.rows}
    assert marks.pop("edsr + igconv") is None
    assert {name: mark and mark.figure for name, mark in marks.items()} == {
        "edsr_small + spconv": figure.name,
        "edsr_small + igconv": figure.name,
    }


def test_a_model_for_which_memory_did_not_suffice_is_not_called_unscored(tmp_path: Path) -> None:
    write_run(tmp_path / "a", SCORES, config(IGCONV, [2]))
    rows = ("edsr_small,igconv,2,1000,,,cpu,2,720,1280,c", "edsr_small,igconv,2,999,7,1,cpu,2,720,1280,c")
    (tmp_path / "efficiency.csv").write_text("\n".join((LATENCIES, *rows)))
    _, left_out = build(tmp_path)
    assert "latencies of edsr_small + igconv with 999 parameters, of which nothing was scored" in left_out
    assert "1,000 parameters" not in left_out


def test_latencies_of_a_gpu_do_not_hang_on_the_threads_of_the_processor(tmp_path: Path) -> None:
    write_run(tmp_path / "a", SCORES, config(IGCONV, [2]))
    rows = [f"edsr_small,igconv,2,1000,{ms},1,NVIDIA H100,{threads},720,1280,c" for ms, threads in ((4, 8), (6, 16))]
    (tmp_path / "efficiency.csv").write_text("\n".join((LATENCIES, *rows)))
    section, _ = build(tmp_path)
    (table,) = section.tables
    (number,) = (i for i, heading in enumerate(table.headings) if heading.name == "ms on NVIDIA H100, 1280×720")
    assert table.rows[0][number].text == "5"


def test_benchmarks_of_the_same_name_have_figures_of_their_own(tmp_path: Path) -> None:
    for number, upsampler in enumerate((IGCONV, SPCONV)):
        name = ("igconv", "spconv")[number]
        write_run(tmp_path / name, SCORES, config(upsampler, [2]), upsampler=name)
        fewer = {("Set5", 2): {"a": (30 + number, 0.9)}}
        weights = str(tmp_path / name / "checkpoints" / "last.ckpt")
        write_run(tmp_path / f"{name}-fewer", fewer, upsampler=name, checkpoint=weights)
    section, _ = build(tmp_path)
    names = [picture.name for picture in section.pictures]
    assert len(names) == len(set(names)) == 2


def test_a_single_image_is_one_image(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {("Set5", 2): {"a": (30, 0.9)}}, config(IGCONV, [2]))
    section, _ = build(tmp_path)
    assert section.tables[0].headings[-1].group == "Set5, 1 image"
