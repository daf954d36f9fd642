"""The report's tables against computations of their own from the CSV files."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from igconv_sr.compare.differences import interval
from igconv_sr.report.document import Report, Table, TableCell
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.sections import Builder
from igconv_sr.report.seed_means import ranks
from report_runs import IGCONV, SPCONV, config, write_bicubic, write_run

IMAGES = ("a", "b", "c", "d", "e")


def build(*folders: Path) -> Report:
    return Builder(read_runs(folders), crops=0).build()


def tables(report: Report, section: str) -> list[Table]:
    return [table for each in report.sections if each.anchor == section for table in each.tables]


def items(report: Report, section: str) -> str:
    return "\n".join(item for each in report.sections if each.anchor == section for item in each.items)


def column(table: Table, name: str, group: str = "") -> dict[str, TableCell]:
    """The cells of a column by the names of their rows."""
    (number,) = (i for i, h in enumerate(table.headings) if h.name == name and h.group.startswith(group))
    return {f"{row[0].text} {row[0].note}".strip(): row[number] for row in table.rows}


def random_scores(seed: int, scales: tuple[int, ...] = (2, 3), base: float = 30) -> dict:
    random = np.random.default_rng(seed)
    return {
        (benchmark, scale): {
            image: (base - 3 * scale + random.normal(), 0.9 + 0.01 * random.normal()) for image in IMAGES[:count]
        }
        for benchmark, count in (("Set5", 5), ("Zoo", 3))
        for scale in scales
    }


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """IGConv with three seeds and SPConv per scale with two of them."""
    for seed in (0, 1, 10):
        write_run(tmp_path / f"ig{seed}", random_scores(seed), config(IGCONV, [2, 3], seed))
    for seed in (0, 1):
        for scale, params in ((2, 400), (3, 500)):
            write_run(
                tmp_path / f"sp{scale}-{seed}",
                random_scores(100 * scale + seed, (scale,)),
                config(SPCONV, [scale], seed),
                upsampler="spconv",
                params=params,
            )
    write_bicubic(tmp_path / "bicubic", random_scores(7, base=40))
    return tmp_path


def per_image(folder: Path, benchmark: str, scale: int, measure: str) -> np.ndarray:
    with (folder / "results_per_image.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["benchmark"], row["scale"]) == (benchmark, str(scale))]
    return np.array([float(row[measure]) for row in sorted(rows, key=lambda row: row["image"])])


def test_numbers_are_means_and_deviations_of_the_files(sweep: Path) -> None:
    (at_2, at_3) = tables(build(sweep), "measured")
    for table, scale in ((at_2, 2), (at_3, 3)):
        assert table.title == f"×{scale}, trained on sample, protocol standard"
        for benchmark in ("Set5", "Zoo"):
            for name, measure, digits in (("PSNR Y", "psnr_y", 2), ("SSIM Y", "ssim_y", 4)):
                found = column(table, name, benchmark)
                for row, folders in (
                    ("edsr_small + igconv no FGRep; no IGSample; no frequency loss", ("ig0", "ig1", "ig10")),
                    ("edsr_small + spconv no frequency loss", (f"sp{scale}-0", f"sp{scale}-1")),
                ):
                    means = [per_image(sweep / folder, benchmark, scale, measure).mean() for folder in folders]
                    assert found[row].text == f"{np.mean(means):.{digits}f}"
                    assert found[row].note == f"± {np.std(means, ddof=1):.{digits}f}"
                assert (
                    found["bicubic"].text
                    == f"{per_image(sweep / 'bicubic', benchmark, scale, measure).mean():.{digits}f}"
                )
                assert found["bicubic"].rank == 0, "it is best by far, and not ranked"
                assert sorted(cell.rank for cell in found.values()) == [0, 1, 2]
        assert [cell.note for cell in column(table, "seeds").values()] == ["", "seeds 0, 1", "seeds 0, 1, 10"]


def test_differences_are_paired_after_averaging_over_the_seeds_of_both(sweep: Path) -> None:
    found = tables(build(sweep), "differences")
    assert [table.title.partition(",")[0] for table in found] == ["×2", "×3"]
    for table, scale in zip(found, (2, 3), strict=True):
        for benchmark in ("Set5", "Zoo"):
            for name, measure, digits in (("PSNR Y", "psnr_y", 2), ("SSIM Y", "ssim_y", 4)):
                ours, theirs = (
                    np.mean([per_image(sweep / f"{start}{seed}", benchmark, scale, measure) for seed in (0, 1)], axis=0)
                    for start in ("ig", f"sp{scale}-")
                )
                low, high = interval(ours - theirs)
                (cell,) = column(table, name, benchmark).values()
                assert cell.text == f"{(ours - theirs).mean():+.{digits}f}"
                of_seeds = [
                    per_image(sweep / f"ig{seed}", benchmark, scale, measure).mean()
                    - per_image(sweep / f"sp{scale}-{seed}", benchmark, scale, measure).mean()
                    for seed in (0, 1)
                ]
                half = 12.7062 * np.std(of_seeds, ddof=1) / 2**0.5  # Student's t, one degree of freedom
                assert cell.note == f"{low:+.{digits}f} … {high:+.{digits}f}; seeds ± {half:.{digits}f}"
        assert [cell.note for cell in column(table, "seeds").values()] == ["seeds 0, 1"]


def test_what_several_models_cost_is_added(sweep: Path) -> None:
    for folder in sweep.glob("sp*"):
        (folder / "cost.json").write_text('{"device": "TPU", "devices": 2, "train_seconds": 1800, "steps": 5}')
    (table,) = tables(build(sweep), "cost")
    params, hours = column(table, "params in all"), column(table, "hours of training")
    igconv, spconv = sorted(params)
    assert (params[spconv].text, params[igconv].text) == ("900", "1,000")
    assert (hours[spconv], hours[igconv].text) == (TableCell("2", note="TPU"), "–")
    means = [per_image(sweep / f"sp{s}-{seed}", "Set5", s, "psnr_y").mean() for s in (2, 3) for seed in (0, 1)]
    assert column(table, "PSNR Y", "Set5")[spconv].text == f"{np.mean(means):.2f}"


@pytest.mark.parametrize(
    ("values", "measure", "expected"),
    [
        ([30.0, 31.0, 29.0], "psnr_y", [2, 1, 0]),
        ([30.0, 30.004, 29.0, 28.0], "psnr_y", [1, 1, 2, 0]),
        ([30.0, 29.0, 28.996, 28.0], "psnr_y", [1, 2, 2, 0]),
        ([0.90004, 0.9, 0.8], "ssim_y", [1, 1, 2]),
        ([30.004, 0.0, None], "psnr_y", [1, 2, 0]),
        ([0.1, 0.2, 0.3], "lpips", [1, 2, 0]),
        ([float("inf"), 30.0, 29.0], "psnr_y", [1, 2, 0]),
        ([30.0, 30.0], "psnr_y", [0, 0]),
        ([30.0, None], "psnr_y", [0, 0]),
        ([], "psnr_y", []),
    ],
)
def test_best_and_second_with_ties(values: list[float | None], measure: str, expected: list[int]) -> None:
    assert ranks(values, measure) == expected


def test_protocols_and_training_data_share_no_table(tmp_path: Path) -> None:
    value = 20.0
    for protocol in ("standard", "standard+ensemble", "liif"):
        for data in ("sample", "div2k"):
            scores = {("Set5", 2): {"a": (value, 0.9)}}
            write_run(tmp_path / f"{protocol}{data}", scores, config(IGCONV, [2]), protocol=protocol, train_data=data)
            value += 1
        write_bicubic(tmp_path / f"{protocol}b", {("Set5", 2): {"a": (10, 0.1)}}, protocol=protocol)
    found = tables(build(tmp_path), "measured")
    numbers = {table.title: re.findall(r"2\d\.00", str(table.rows)) for table in found}
    assert numbers == {
        "×2, trained on div2k, protocol standard": ["21.00"],
        "×2, trained on sample, protocol standard": ["20.00"],
        "×2, trained on div2k, protocol liif": ["25.00"],
        "×2, trained on sample, protocol liif": ["24.00"],
        "×2, trained on div2k, protocol standard+ensemble": ["23.00"],
        "×2, trained on sample, protocol standard+ensemble": ["22.00"],
    }


def test_folders_of_photographs_with_other_roots_are_other_data(tmp_path: Path) -> None:
    for number in (1, 2):
        data = {"_target_": "igconv_sr.data.FolderData", "root": f"/photos{number}", "scales": [2]}
        scores = {("Set5", 2): {"a": (20, 0.9)}}
        write_run(tmp_path / str(number), scores, config(IGCONV, [2]) | {"data": data}, train_data="folder")
    assert [table.title for table in tables(build(tmp_path), "measured")] == [
        "×2, trained on folder: /photos1, protocol standard",
        "×2, trained on folder: /photos2, protocol standard",
    ]


def test_whatever_differs_but_the_seed_is_another_row(tmp_path: Path) -> None:
    changes = (
        {},
        {"upsampler": {**IGCONV, "fgrep": True}},
        {"upsampler": {**IGCONV, "igsample": True}},
        {"loss": {"l1": 1.0, "frequency": 0.05}},
        {"optim": {"optimizer": {"lr": 0.1}}},
    )
    for number, change in enumerate(changes):
        for seed in (0, 1):
            scores = {("Set5", 2): {"a": (20 + number + seed, 0.9)}}
            write_run(tmp_path / f"{number}-{seed}", scores, config(IGCONV, [2], seed) | change)
    (table,) = tables(build(tmp_path), "measured")
    found = column(table, "PSNR Y")
    assert sorted(cell.text for cell in found.values()) == [f"{20.5 + number:.2f}" for number in range(5)]
    assert {cell.note for cell in found.values()} == {"± 0.71"}
    assert len(found) == len(changes), "and each has a name of its own"
    details = "\n".join(found)
    assert "optim.optimizer.lr=0.1" in details
    assert "frequency loss 0.05" in details
    assert "FGRep; no IGSample" in details


def test_what_stands_twice_counts_once_and_what_disagrees_stays_apart(tmp_path: Path) -> None:
    scores = {("Set5", 2): {"a": (20, 0.9)}}
    run = write_run(tmp_path / "train" / "run", scores, config(IGCONV, [2]))
    weights = str(run / "checkpoints" / "last.ckpt")
    write_run(tmp_path / "evaluate" / "again", scores, None, checkpoint=weights)
    report = build(tmp_path)
    (table,) = tables(report, "measured")
    assert [cell.text for cell in column(table, "PSNR Y").values()] == ["20.00"]
    assert "run repeats what" in items(report, "left-out")
    write_run(tmp_path / "evaluate" / "other", {("Set5", 2): {"a": (21, 0.9)}}, None, checkpoint=weights)
    (table,) = tables(build(tmp_path), "measured")
    found = column(table, "PSNR Y")
    assert {cell.text for cell in found.values()} == {"20.00", "21.00"}
    assert any("evaluate/other" in name for name in found)


def test_runs_behind_links_are_found_once(tmp_path: Path) -> None:
    """As where results lie on another disk."""
    write_run(tmp_path / "disk" / "run", {("Set5", 2): {"a": (20, 0.9)}}, config(IGCONV, [2]))
    (tmp_path / "outputs").mkdir()
    for name in ("moved", "again"):
        (tmp_path / "outputs" / name).symlink_to(tmp_path / "disk" / "run")
    (tmp_path / "outputs" / "circle").symlink_to(tmp_path / "outputs")
    assert [measured.folder.name for measured in read_runs([tmp_path / "outputs"]).measured] == ["again"]


def test_the_rounding_of_another_device_and_further_measures_make_no_other_row(tmp_path: Path) -> None:
    for seed in (0, 1):
        run = write_run(
            tmp_path / "train" / f"{seed}", {("Set5", 2): {"a": (20 + seed, 0.9)}}, config(IGCONV, [2], seed)
        )
        again = write_run(
            tmp_path / "evaluate" / f"{seed}",
            {("Set5", 2): {"a": (20 + seed + 1e-5, 0.9 - 1e-7)}},
            None,
            checkpoint=str(run / "checkpoints" / "last.ckpt"),
            seed=seed,
        )
        for name in ("results.csv", "results_per_image.csv"):
            head, row = (again / name).read_text().splitlines()
            (again / name).write_text(f"{head},lpips\n{row},{0.1 + 0.02 * seed}\n")
    (table,) = tables(build(tmp_path), "measured")
    ((name, *cells),) = table.rows
    values = {heading.name: cell for heading, cell in zip(table.headings[1:], cells, strict=True)}
    assert name.note == "no FGRep; no IGSample; no frequency loss"
    assert (values["PSNR Y"].text, values["PSNR Y"].note) == ("20.50", "± 0.71")
    assert (values["LPIPS ↓"].text, values["LPIPS ↓"].note) == ("0.1100", "± 0.0141")
    assert values["seeds"].text == "2"


def test_an_evaluation_belongs_to_the_training_of_its_weights(tmp_path: Path) -> None:
    run = write_run(tmp_path / "train" / "run", {("sample", 2): {"a": (20, 0.9)}}, config(IGCONV, [2]))
    for name in ("checkpoints/last.ckpt", "model.safetensors"):
        scores = {(name[:5], 2): {"a": (21, 0.9)}}
        write_run(tmp_path / "evaluate" / name[:5], scores, None, checkpoint=str(run / name))
    (table,) = tables(build(tmp_path), "measured")
    assert len(table.rows) == 1
    assert [h.group for h in table.headings if h.group][::2] == [f"{n}, 1 image" for n in ("check", "model", "sample")]


def test_reasons_are_given_for_what_cannot_be_compared(sweep: Path) -> None:
    rows = (sweep / "sp2-1" / "results_per_image.csv").read_text().splitlines()
    (sweep / "sp2-1" / "results_per_image.csv").write_text(
        "\n".join(r for r in rows if not r.startswith("Set5,c,")) + "\n"
    )
    (sweep / "sp3-0" / "results_per_image.csv").unlink()
    report = build(sweep)
    left_out = items(report, "left-out")
    assert re.search(
        "igconv is not compared with .*×2 on Set5 at ×2 by standard: c was not scored with every", left_out
    )
    assert "sp3-0 holds no results_per_image.csv" in left_out
    at_2, at_3 = tables(report, "differences")
    assert [cell.note for table in (at_2, at_3) for cell in column(table, "seeds").values()] == ["seeds 0, 1", "seed 1"]
    assert [heading.group for heading in at_2.headings if heading.group] == ["Zoo, 3 images"] * 2


def test_cells_that_did_not_end_are_listed(sweep: Path) -> None:
    failed = sweep / "abc"
    failed.mkdir()
    (failed / "cell.json").write_text(
        '{"name": "edsr-igconv-x2-seed4", "hash": "abc", "overrides": [], "state": "failed", "reason": "no space", '
        '"started": "2026-01-01T00:00:00", "ended": "2026-01-01T00:01:00"}'
    )
    (table,) = tables(build(sweep), "unfinished")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["edsr-igconv-x2-seed4", "failed", "no space", "2026-01-01T00:01:00", str(failed)]
    ]


def test_provenance_of_every_evaluation(sweep: Path) -> None:
    (sweep / "ig0" / "cost.json").write_text('{"device": "NVIDIA H100", "devices": 1, "train_seconds": 7}')
    (sweep / "ig0" / "cell.json").write_text(
        '{"name": "x", "hash": "cafe", "state": "finished", "ended": "2026-02-03"}'
    )
    (table,) = tables(build(sweep), "provenance")
    assert len(table.rows) == 8
    (row,) = (row for row in table.rows if row[-1].text == str(sweep / "ig0"))
    texts = dict(zip((heading.name for heading in table.headings), (cell.text for cell in row), strict=True))
    assert (
        texts.items()
        >= {
            "steps": "5",
            "seed": "0",
            "data": "sample",
            "protocol": "standard",
            "commit": "0123456789ab",
            "config": "cafe",
            "device": "NVIDIA H100",
            "date": "2026-02-03",
        }.items()
    )


def test_a_number_typed_in_another_way_is_the_same(tmp_path: Path) -> None:
    for seed, weight in enumerate((0, 0.0)):
        settings = config(IGCONV, [2], seed) | {"loss": {"l1": 1.0, "frequency": weight}}
        write_run(tmp_path / str(seed), random_scores(seed, (2,)), settings)
    (table,) = tables(build(tmp_path), "measured")
    assert [row[-1].text for row in table.rows] == ["2"]


def test_other_images_of_the_same_name_and_number_share_no_mean(tmp_path: Path) -> None:
    """As of a folder to which pictures were added between two trainings."""
    for seed, images in enumerate(("ab", "ab", "ac")):
        scores = {("folder (pil)", 2): {image: (30.0 + 3 * (image == "c"), 0.9) for image in images}}
        write_run(tmp_path / str(seed), scores, config(IGCONV, [2], seed))
    (table,) = tables(build(tmp_path), "measured")
    (before,) = column(table, "PSNR Y", "folder (pil), 2 images").values()
    (later,) = column(table, "PSNR Y", "folder #2 (pil), 2 images").values()
    assert (before.text, before.note) == ("30.00", "± 0.00, 2 of 3 seeds")
    assert (later.text, later.note) == ("31.50", "1 of 3 seeds")
