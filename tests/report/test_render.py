"""The report as files: what it holds, that it can be built again, and how a browser shows it."""

import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest

from igconv_sr.report.document import Heading, Report, ReportFigure, Section, Table, TableCell
from igconv_sr.report.figures import Curve
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.report import escaped, write_report
from igconv_sr.report.sections import Builder
from igconv_sr.report.training_curves import read_curves
from report_runs import IGCONV, SPCONV, config, write_bicubic, write_run

HOSTILE = "<script>alert('1')</script> & \"x\" | *y* _z_ `w` $5"
BENCHMARKS = ("Set5", "Set14", "B100", "Urban100", "Manga109")


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def write_curves(folder: Path, version: int, rows: list[str]) -> None:
    path = folder / "metrics" / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["step,train/loss,valid/psnr_y_x2,lr-Adam", *rows]) + "\n")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wide tables, curves, and a model with a name that means harm."""
    top = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        for name, upsampler, settings, scales in (("ig", "igconv", IGCONV, [2, 3]), ("sp", "spconv", SPCONV, [2])):
            scores = {(b, s): {"a": (30 + seed, 0.9), "b": (29, 0.8)} for b in BENCHMARKS for s in scales}
            folder = top / f"{name}-{seed}"
            write_run(folder, scores, config(settings, scales, seed), model=HOSTILE, upsampler=upsampler)
            write_curves(folder, 0, [f"{step},{1 / (1 + step)},," for step in range(5)] + ["4,,20.5,"])
            (folder / "cost.json").write_text('{"device": "<b>TPU</b>", "devices": 1, "train_seconds": 60}')
    write_bicubic(top / "bicubic", {("Set5", 2): {"a": (33, 0.9), "b": (32, 0.9)}})
    return top


@pytest.fixture(scope="module")
def report(runs: Path) -> Report:
    return Builder(read_runs([runs]), crops=0).build()


@pytest.fixture(scope="module")
def built(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report."""
    folder = tmp_path_factory.mktemp("report")
    write_report(report, folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_two_builds_are_equal_byte_by_byte(runs: Path, built: Path, tmp_path: Path) -> None:
    write_report(Builder(read_runs([runs]), crops=0).build(), tmp_path)
    assert files(tmp_path) == files(built)
    assert {"index.html", "report.md", "figures/curves-1-loss.png", "figures/curves-1-loss.pdf"} <= files(built).keys()


def test_the_page_needs_nothing_else(built: Path) -> None:
    text = (built / "index.html").read_text()
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object", "embed")]
    links = [value or "" for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert {link.partition(":")[0] for link in links if not link.startswith("#")} == {"data"}
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= anchors
    assert not re.search(r"url\(|@import|https?://", text)
    images = [attributes["alt"] or "" for tag, attributes in page.tags if tag == "img"]
    assert images
    assert all(images)
    assert any("20.5 after 5 steps" in alt for alt in images)


def test_hostile_names_are_text(built: Path) -> None:
    page = Page((built / "index.html").read_text())
    assert f"{HOSTILE} + igconv" in page.text
    assert "<b>TPU</b>" in page.text
    assert not [tag for tag, _ in page.tags if tag in ("script", "b")]
    markdown = (built / "report.md").read_text()
    assert "<script" not in markdown.replace(r"\<script", "")
    assert escaped(HOSTILE) in markdown
    for table in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, "its | begins no cell"


def test_markdown_has_every_number_and_figure_of_the_page(report: Report, built: Path) -> None:
    markdown = (built / "report.md").read_text()
    page = " ".join(Page((built / "index.html").read_text()).text)
    for section in report.sections:
        for table in section.tables:
            for cell in (cell for row in table.rows for cell in row):
                assert escaped(cell.text) in markdown
                assert cell.text in page
    linked = set(re.findall(r"\((figures/[^)]+)\)", markdown))
    assert linked == {name for name in files(built) if name.startswith("figures/")}


def test_best_is_bold_and_second_underlined(tmp_path: Path) -> None:
    rows = [[TableCell("m"), TableCell("30.10", 1), TableCell("0.9", 2, "2 of 3 seeds")]]
    table = Table("t", [Heading("model", number=False), Heading("PSNR", "Set5"), Heading("SSIM", "Set5")], rows)
    write_report(Report([], [Section("S", "s", tables=[table])]), tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "<strong>30.10</strong>" in page
    assert "<u>0.9</u><small>2 of 3 seeds</small>" in page
    assert "| m | **30.10** | <u>0.9</u><br>2 of 3 seeds |" in (tmp_path / "report.md").read_text()
    assert "| model | Set5: PSNR | Set5: SSIM |" in (tmp_path / "report.md").read_text()


def test_figures_of_a_former_report_go_and_other_files_stay(tmp_path: Path) -> None:
    pictures = [ReportFigure(name, "c", "a", b"png", b"pdf") for name in ("old", "kept")]
    write_report(Report([], [Section("S", "s", pictures=pictures)]), tmp_path)
    (tmp_path / "figures" / "mine.png").write_bytes(b"mine")
    write_report(Report([], [Section("S", "s", pictures=pictures[1:])]), tmp_path)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["kept.pdf", "kept.png", "mine.png"]


def test_of_a_resumed_training_the_later_part_counts(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {("Set5", 2): {"a": (30, 0.9)}}, config(IGCONV, [2]))
    write_curves(folder, 0, ["0,1,,", "1,2,,", "2,99,,"])
    write_curves(folder, 10, ["3,4,,"])
    write_curves(folder, 2, ["2,3,,"])
    (curve,) = read_curves(read_runs([tmp_path]).trainings[0], "run", []).values()
    assert curve == Curve("run", (1, 2, 3, 4), (1, 2, 3, 4))


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"),
    *("--hide-scrollbars", "--virtual-time-budget=5000"),
)
MEASURE = """<!doctype html><body style="margin:0">
<iframe src="index.html" style="border:0;width:{width}px;height:900px"></iframe><p id="found"></p><script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")].filter(e => !e.closest(".scroll table"))
    .filter(e => e.getBoundingClientRect().right > root.clientWidth + 1).map(e => e.tagName + "." + e.className);
  const boxes = [...page.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth).length;
  const broken = [...page.images].filter(e => !e.naturalWidth).length;
  document.querySelector("#found").textContent =
    JSON.stringify({{ page: root.scrollWidth, view: root.clientWidth, wide, boxes, broken }});
}});
</script>"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed (apt-get install chromium)")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_errors_and_without_overflow(built: Path, tmp_path: Path, width: int) -> None:
    shutil.copy(built / "index.html", tmp_path)
    (tmp_path / "measure.html").write_text(MEASURE.format(width=width))
    with served(tmp_path) as address:
        page = (f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"{address}/measure.html")
        done = subprocess.run([str(BROWSER), *FLAGS, *page], capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r'<p id="found">(.*?)</p>', done.stdout)
    assert found, done.stdout[-2000:]
    measured = json.loads(found[1])
    boxes = measured.pop("boxes")
    assert measured == {"page": width, "view": width, "wide": [], "broken": 0}
    if width == 390:
        assert boxes > 0, "wide tables scroll inside their own boxes"
