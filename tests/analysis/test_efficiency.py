"""What ``efficiency`` counts against known models, how it times, what it reads of results, and what it writes."""

import csv
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from encoders.test_every_encoder import SMALL
from igconv_sr.analysis.efficiency import main
from igconv_sr.analysis.measured_psnr import read_measured_psnr
from igconv_sr.errors import InputError
from igconv_sr.measure.folded_cost import lr_size, measure_cost, time_passes
from igconv_sr.measure.nets import build
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import SPConv
from saved_models import IGCONV_PLUS, SPCONV, save_model

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("model", "upsampler", "count"),
    [
        ("smfanet", "igconv_plus", 1_249_507),
        ("smfanet", "igconv", 960_483),
        ("hit_srf", "igconv_plus", 1_725_447),
        ("hit_srf", "igconv", 1_381_127),
    ],
)
def test_parameters_are_the_papers(model: str, upsampler: str, count: int) -> None:
    cost = measure_cost(build(model, upsampler).eval(), 2, (8, 8), CPU, seconds=0)
    assert cost.params == count
    assert cost.repeats == 1


@pytest.mark.parametrize("upsampler", ["spconv", "igconv_plus"])
@pytest.mark.parametrize("model", ["edsr_small", "smfanet_small"])
def test_multiply_adds_are_those_of_a_real_pass(model: str, upsampler: str) -> None:
    net = build(model, upsampler, (2, 3)).eval()
    folded, size = net.fold([3]), (9, 10)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        folded(torch.rand(1, 3, *size), 3)
    cost = measure_cost(net, 3, size, CPU, seconds=0)
    assert cost.macs == counter.get_total_flops() // 2
    assert cost.peak is not None
    assert cost.peak >= 3 * 27 * 30 * 4, "the output at least"


def test_padding_is_counted() -> None:
    net = SRNet(SMALL["swinir"](), SPConv, (2,)).eval()
    costs = [measure_cost(net, 2, size, CPU, seconds=0).macs for size in ((9, 10), (12, 12), (13, 12))]
    assert costs[0] == costs[1] < costs[2]


def test_folded_parameters_are_of_one_scale() -> None:
    net = build("edsr_small", "spconv", (2, 4)).eval()
    encoder = sum(p.numel() for p in net.encoder.parameters())
    costs = [measure_cost(net, scale, (6, 6), CPU, seconds=0) for scale in (2, 4)]
    heads = [net.encoder.out_channels * 9 * 3 * scale**2 + 3 * scale**2 for scale in (2, 4)]
    assert [cost.folded_params for cost in costs] == [encoder + head for head in heads]
    assert {cost.params for cost in costs} == {encoder + sum(heads)}


def test_passes_end_with_the_time() -> None:
    calls: list[int] = []
    assert len(time_passes(lambda: calls.append(0), seconds=0)) == 1
    assert len(calls) == 1
    assert len(time_passes(lambda: None, seconds=60)) == 100


def test_sides_of_lr_are_rounded_up() -> None:
    assert [lr_size(720, 1280, scale) for scale in (2, 3, 4)] == [(360, 640), (240, 427), (180, 320)]


def results(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("model,upsampler,benchmark,scale,psnr_y,protocol", *rows)) + "\n")
    return path


def test_psnr_is_the_mean_over_runs(tmp_path: Path) -> None:
    first = results(tmp_path / "a.csv", "m,u,Set5,2,30,standard", "m,u,Set5,2.5,9,standard", "m,u,Set14,2,20,standard")
    (tmp_path / "run").mkdir()
    results(tmp_path / "run" / "results.csv", "m,u,Set5,2,31,standard", "n,u,Set5,2,28,standard")
    found = read_measured_psnr([first, tmp_path / "run"], None)
    assert found.benchmark == "Set5"
    assert found.values == {("m", "u", 2): 30.5, ("n", "u", 2): 28}
    assert read_measured_psnr([first], "Set14").values == {("m", "u", 2): 20}


@pytest.mark.parametrize(
    ("rows", "benchmark", "message"),
    [
        (["m,u,Set5,2,30,standard", "m,u,Set5,3,30,liif"], None, r"different protocols \(liif, standard\)"),
        (["m,u,Set5,2,30,standard"], "Set14", "--benchmark Set14: the tables hold Set5; did you mean Set5"),
        (["m,u,Set5,2,3o,standard"], None, r"a\.csv, line 2: psnr_y is '3o', not a number"),
        (["m,u,Set5,2"], None, r"a\.csv, line 2: 4 values for 6 columns"),
        (["m,u,Set5,2,,rgb"], None, "hold no psnr_y"),
        ([], None, "hold no psnr_y"),
    ],
)
def test_tables_that_do_not_fit_take_one_line(
    tmp_path: Path, rows: list[str], benchmark: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_measured_psnr([results(tmp_path / "a.csv", *rows)], benchmark)


@pytest.mark.parametrize(
    ("others", "psnr", "message"),
    [
        ({"fgrep": "True"}, 31, r"m \+ u ×2 differ in fgrep \(False, True\) and would be averaged"),
        ({"steps": "9"}, 31, r"differ in steps \(5, 9\)"),
        ({}, 31, "differ in what trained them, as both are of seed 0"),  # the weight of the frequency loss, say
    ],
)
def test_other_trainings_are_not_averaged(tmp_path: Path, others: dict[str, str], psnr: float, message: str) -> None:
    common = {"model": "m", "upsampler": "u", "benchmark": "Set5", "scale": "2", "protocol": "standard"}
    first = {**common, "fgrep": "False", "steps": "5", "seed": "0", "psnr_y": "30"}
    again, second = {**first, "psnr_y": "30.00001"}, {**first, "seed": "1", "psnr_y": "32"}

    def read(*rows: dict[str, str]) -> float:
        lines = [",".join(first), *(",".join(row.values()) for row in rows)]
        (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
        return read_measured_psnr([tmp_path / "a.csv"], None).values["m", "u", 2]

    assert read(first, again, second) == 31, "what was evaluated twice counts once"
    with pytest.raises(InputError, match=message):
        read(first, second, {**first, **others, "psnr_y": str(psnr)})


def test_the_command_writes_table_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = results(tmp_path / "a.csv", "edsr_small,igconv,Set5,2,30,standard")
    size = ["--scales", "2,3", "--height", "24", "--width", "50", "--seconds", "0", "--device", "cpu"]
    out = tmp_path / "out"
    choice = ["--model", "edsr_small", "--upsampler", "spconv,igconv"]
    main([*choice, *size, "--results", str(table), "-o", str(out)])
    printed = capsys.readouterr().out
    assert "not in that part of the figure: edsr_small + spconv ×2, edsr_small + spconv ×3, edsr_small + igconv ×3" in (
        " ".join(printed.split())
    )
    with (out / "efficiency.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == (
        "model,upsampler,scale,params,folded_params,macs,latency_ms,peak_memory_mib,device,threads,height,width,commit"
    )
    assert [(row["upsampler"], row["scale"]) for row in rows] == [
        (upsampler, scale) for upsampler in ("spconv", "igconv") for scale in "23"
    ]
    for row in rows:
        assert float(row["latency_ms"]) > 0
        assert float(row["peak_memory_mib"]) > 0
        assert (row["device"], row["height"], row["width"]) == ("cpu", "24", "50")
        assert int(row["folded_params"]) < int(row["params"])
    with Image.open(out / "efficiency.png") as picture:
        assert picture.width > picture.height > 500

    save_model(tmp_path / "a.safetensors", upsampler=IGCONV_PLUS)
    main(["--weights", str(tmp_path / "a.safetensors"), *size, "--scales", "5", "-o", str(out)])
    with (out / "efficiency.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["model"], row["upsampler"], row["scale"]) == ("edsr", "igconv", "5")


def test_mistakes_take_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"--model edsrr: there are atd, .*did you mean edsr"):
        main(["--model", "edsrr"])
    with pytest.raises(InputError, match=r"--upsampler igcon: there are spconv, .*did you mean igconv"):
        main(["--model", "edsr", "--upsampler", "igcon"])
    save_model(tmp_path / "a.safetensors", upsampler=SPCONV)
    with pytest.raises(InputError, match="no weights for ×5, only for"):
        main(["--weights", str(tmp_path / "a.safetensors"), "--scales", "5"])
    for flags in ([], ["--model", "edsr", "--weights", "x"], ["--model", "edsr", "--benchmark", "Set5"]):
        with pytest.raises(SystemExit, match="2"):
            main(flags)
        assert len(capsys.readouterr().err.splitlines()) == 1
