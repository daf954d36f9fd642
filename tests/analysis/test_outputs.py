"""Figures of the analyses are repeatable."""

from pathlib import Path

from matplotlib.figure import Figure

from igconv_sr.analysis.outputs import save_figure


def test_the_same_figure_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        figure = Figure(figsize=(2, 2), layout="constrained")
        figure.subplots().plot([1, 2], [3, 4])
        save_figure(figure, tmp_path / name / "figure.png")
    for name in ("figure.png", "figure.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["figure.pdf", "figure.png"]
