"""The command: where it looks, what it says of damaged files, and cut-outs that models compute again."""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image

from command_line import photographs
from igconv_sr.commands import cli
from igconv_sr.data import BenchmarkImages, find_benchmark
from igconv_sr.errors import InputError
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.metrics import STANDARD
from igconv_sr.network import Bicubic
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.sections import Builder
from igconv_sr.runs.results import source, write_results
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import save_safetensors
from report_runs import IGCONV, config, edit_rows, write_run

Command = Callable[..., tuple[str, str]]
SCORES = {("Set5", 2): {"baby": (30.0, 0.9), "bird": (31.0, 0.9)}}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Makes a report in ``tmp_path``; returns what was printed."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str, status: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["igconv-sr", "report", *options])
        if status:
            with pytest.raises(SystemExit, match=str(status)):
                cli.main()
        else:
            cli.main()
        printed = capsys.readouterr()
        return printed.out, printed.err

    return run


def test_it_reads_all_runs_of_the_folder_and_says_where_the_report_is(command: Command, tmp_path: Path) -> None:
    for number, place in enumerate(("outputs/train/a", "outputs/sweep/x/b", "outputs/evaluate/c", "experiments/t2")):
        write_run(tmp_path / place, SCORES, config(IGCONV, [2], number))
    write_run(tmp_path / "outputs" / "elsewhere", SCORES, config(IGCONV, [2], 9))
    out, _ = command("crops=0")
    assert out.splitlines() == [
        "Page     report/index.html",
        "Markdown report/report.md",
        "Figures  report/figures",
        "Results in report",
    ]
    assert "seeds 0, 1, 2, 3<" in (tmp_path / "report" / "index.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiments", "outputs", "report"]
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["index.html", "report.md"]
    command("crops=0", "runs=[outputs/elsewhere,outputs/train]", "paths.output_dir=other")
    assert "seeds 0, 9<" in (tmp_path / "other" / "index.html").read_text()


def test_without_results_it_says_where_it_looked(command: Command, tmp_path: Path) -> None:
    _, err = command(status=1)
    assert re.fullmatch(r"igconv-sr: no results\.csv in or below outputs/sweep, outputs/train, .*make train.*\n", err)
    (tmp_path / "empty").mkdir()
    assert "in or below empty;" in command("runs=[empty]", status=1)[1]
    assert "nowhere is no folder" in command("runs=[nowhere]", status=1)[1]
    assert "crops=-1: input should be greater than or equal to 0" in command("crops=-1", status=1)[1]
    assert "a is no folder" in command("runs=a", status=1)[1]
    assert [path.name for path in tmp_path.iterdir()] == ["empty"], "nothing was written"


@pytest.mark.parametrize(
    ("file", "line", "text", "message"),
    [
        ("results.csv", 2, "a,b", "2 values for 16 columns"),
        ("results.csv", 1, "model,upsampler", "there is no column fgrep, params"),
        ("results.csv", 2, 'edsr,"igconv', "unexpected end of data"),
        ("results_per_image.csv", 3, None, "psnr_y is '3o', not a number"),
        ("results_per_image.csv", 2, b"\xff\xfe", "no text in UTF-8"),
        ("config.yaml", 2, "a: b: c", "mapping values are not allowed"),
        ("cell.json", 1, "{,", "Expecting property name"),
        ("cost.json", 1, "[1]", "holds no names with values"),
        ("metrics/version_0/metrics.csv", 3, "2,1,x", "valid/psnr_y_x2 is 'x', not a number"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(
    tmp_path: Path, file: str, line: int, text: str | bytes | None, message: str
) -> None:
    run = write_run(tmp_path / "run", SCORES, config(IGCONV, [2]))
    path = run / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.startswith("metrics"):
        path.write_text("step,train/loss,valid/psnr_y_x2\n1,1,1\n2,1,1\n")
    lines = path.read_bytes().splitlines() if path.exists() else []
    given = lines[line - 1].replace(b"31.0", b"3o", 1) if text is None else text
    lines[line - 1 :] = [given.encode() if isinstance(given, str) else given]
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(InputError, match=rf"{re.escape(file)}, line {line}: .*({message})") as refused:
        Builder(read_runs([tmp_path]), crops=0).build()
    assert "\n" not in str(refused.value)


def test_curves_of_a_training_that_goes_on_may_be_cut_short(tmp_path: Path) -> None:
    write_run(tmp_path / "done", SCORES, config(IGCONV, [2]))
    running = write_run(tmp_path / "running", SCORES, config(IGCONV, [2], 1))
    weights = str(running / "checkpoints" / "last.ckpt")
    write_run(tmp_path / "evaluated", SCORES, None, checkpoint=weights, seed=1)
    (running / "results.csv").unlink()
    (running / "metrics" / "version_0").mkdir(parents=True)
    (running / "metrics" / "version_0" / "metrics.csv").write_text("step,train/loss\n1,1\n2\n")
    report = Builder(read_runs([tmp_path]), crops=0).build()
    left_out = "\n".join(report.sections[-1].items)
    assert "running are left out, as it has not ended" in left_out
    (table,) = (table for section in report.sections if section.anchor == "unfinished" for table in section.tables)
    assert [cell.text for cell in table.rows[0][:2]] == ["running", "no results yet"]


class Evaluated:
    """Models evaluated on three pictures of a folder ``Zoo``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        photographs(folder / "Zoo" / "HR", side=160)
        self.zoo = find_benchmark(folder / "Zoo")

    def score(self, name: str, net: SuperResolver, card: ModelCard | None = None) -> None:
        weights = self.folder / name / "model.safetensors"
        if card is not None:
            save_safetensors(net, card, weights)  # type: ignore[arg-type]
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar"), False)
        images = evaluate(net, [self.zoo], [2], Trainer(accelerator="cpu", devices=1, **quiet))
        made_by = source(card, 7, STANDARD.name, str(weights) if card else "")
        write_results(images, made_by, [self.zoo], self.folder / name)


def model(name: str, seed: int) -> tuple[SuperResolver, ModelCard]:
    torch.manual_seed(seed)
    upsampler = {"_target_": "igconv_sr.upsamplers.IGConv", "hidden_dim": 8, "num_layers": 1}
    encoder = {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 4, "num_block": 1}
    card = ModelCard(encoder, upsampler, [2], "edsr", name, "none", 0)
    return card.build().eval(), card


def test_cut_outs_show_what_the_models_make_of_the_image(tmp_path: Path) -> None:
    evaluated = Evaluated(tmp_path)
    nets = {name: model(name, seed) for seed, name in enumerate(("igconv", "igconv_plus"))}
    for name, (net, card) in nets.items():
        evaluated.score(name, net, card)
    evaluated.score("bicubic", Bicubic())
    evaluated.score("pictures", Bicubic())
    edit_rows(tmp_path / "pictures", lambda row: row.update(model="HAT", checkpoint="/pictures/of/another/program"))
    report = Builder(read_runs([tmp_path]), crops=2).build()
    (section,) = (section for section in report.sections if section.anchor == "crops")
    assert [picture.name for picture in section.pictures] == ["crops-1-1", "crops-1-2"]
    for picture in section.pictures:
        name = picture.caption.split()[2]
        (item,) = (item for item in BenchmarkImages([evaluated.zoo], [2]) if item.name == name)  # type: ignore[attr-defined]
        captions, parts = zip(*picture.parts, strict=True)
        assert [caption.partition(":")[0] for caption in captions] == [
            "HR, the original",
            "bicubic",
            "igconv",
            "igconv_plus",
        ]
        hr, *made = (np.asarray(Image.open(io.BytesIO(part))) for part in parts)
        whole = item.hr[0].permute(1, 2, 0).numpy()
        (place,) = places(whole, hr)
        for part, net in zip(made, (Bicubic(), *(net for net, _ in nets.values())), strict=True):
            with torch.no_grad():
                sr = (net(item.lr / 255, 2).clamp(0, 1) * 255).round().byte()[0].permute(1, 2, 0).numpy()
            assert np.array_equal(sr[place], part)

    net, card = nets["igconv"]
    save_safetensors(net, card.after(6), tmp_path / "igconv" / "model.safetensors")  # type: ignore[arg-type]
    report = Builder(read_runs([tmp_path]), crops=2).build()
    assert not [section for section in report.sections if section.anchor == "crops"]
    assert "of step 6 by now, and was scored at step 0" in "\n".join(report.sections[-1].items)

    (tmp_path / "igconv" / "model.safetensors").unlink()
    report = Builder(read_runs([tmp_path]), crops=2).build()
    assert not [section for section in report.sections if section.anchor == "crops"]
    assert re.search("No cut-outs of Zoo .*: the weights .* are not there", "\n".join(report.sections[-1].items))


def places(whole: np.ndarray, part: np.ndarray) -> list[tuple[slice, slice]]:
    """Where a part lies in a picture."""
    height, width = part.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(whole, part.shape)[:, :, 0]
    found = np.argwhere((windows == part).all(axis=(-3, -2, -1)))
    return [(slice(y, y + height), slice(x, x + width)) for y, x in found]
