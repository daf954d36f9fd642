"""Published numbers: where they come from, and that only like is compared with like."""

import csv
import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from conftest import shared
from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.report.document import Report, Table
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.published import published_rows
from igconv_sr.report.sections import Builder
from report_runs import write_bicubic, write_run

DIV2K = {"train_data": "div2k", "steps": 300_000, "model": "edsr"}
SET5 = {("Set5", 2): {"baby": (38.30, 0.9615)}, ("Set5", 3): {"baby": (34.70, 0.9290)}}


@functools.cache
def published_config(*overrides: str) -> Any:
    """The configuration of a training by the published recipe."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", ["data=div2k", "data.root=/data", "recipe=paper", *overrides])
    del config.run, config.paths, config.logger, config.callbacks  # name the choices of a command that runs
    config.data.cache_dir = "cache"
    return OmegaConf.to_container(config, resolve=True)


def edsr(*overrides: str, upsampler: str = "igconv_plus") -> Any:
    return published_config("model=edsr", f"upsampler={upsampler}", *overrides)


def section(report: Report) -> tuple[dict[str, Table], str]:
    (found,) = (each for each in report.sections if each.anchor == "published")
    return {table.title: table for table in found.tables}, "\n".join(found.items)


def build(folder: Path) -> tuple[dict[str, Table], str]:
    return section(Builder(read_runs([folder]), crops=0).build())


def test_every_number_is_in_the_file_of_the_paper() -> None:
    with shared("paper", "published_results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(row.values) for row in published_rows())
    tables = {"Table 2": "table2", "Table 3": "table3", "Table 4": "table4", "Released model": "released"}
    names = {"MambaIR ×2…×8": "MambaIR (scales 2-8)", "ImageNet, then DF2K": "ImageNet", "": "none"}
    ours = {
        (
            tables.get(row.table, "literature"),
            names.get(row.train_data, row.train_data),
            names.get(row.encoder, row.encoder),
            row.upsampler or "bicubic",
            str(row.scale),
            benchmark,
            *values,
        )
        for row in published_rows()
        for benchmark, values in row.values.items()
    }
    keys = ("table", "train_data", "encoder", "upsampler", "scale", "test_set")
    theirs = {(*(row[key] for key in keys), float(row["psnr_y"]), float(row["ssim_y"])) for row in rows}
    assert ours == theirs


def test_published_measured_and_difference(tmp_path: Path) -> None:
    write_run(tmp_path / "plus", SET5, edsr(), **DIV2K, upsampler="igconv_plus")
    plain = edsr("loss.frequency=0", upsampler="igconv")
    write_run(tmp_path / "plain", {("Set5", 2): {"baby": (38.10, 0.9615)}}, plain, **DIV2K, upsampler="igconv")
    tables, _ = build(tmp_path)
    assert list(tables) == [f"Table 2, ×{scale}, trained on DIV2K, protocol standard" for scale in (2, 3)]
    at_2, at_3 = tables.values()
    cells = {row[0].text: [cell.text for cell in row[1:7]] for row in at_2.rows}
    assert cells == {
        "EDSR + IGConv": ["38.21", "38.10", "-0.11", "0.9612", "0.9615", "+0.0003"],
        "EDSR + IGConv+": ["38.24", "38.30", "+0.06", "0.9614", "0.9615", "+0.0001"],
    }
    assert [[cell.rank for cell in row[1:7]] for row in at_2.rows] == [[0, 2, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]
    assert [cell.text for cell in at_3.rows[0][:4]] == ["EDSR + IGConv+", "34.74", "34.70", "-0.04"]


def test_fixed_scale_models_are_compared_at_their_scale(tmp_path: Path) -> None:
    for scales in ([2], [2, 3, 4]):
        settings = edsr(f"data.scales={scales}", "loss.frequency=0", upsampler="spconv_plus")
        write_run(tmp_path / str(len(scales)), SET5, settings, **DIV2K, upsampler="spconv_plus", params=len(scales))
    tables, items = build(tmp_path)
    assert list(tables) == ["Table 2, ×2, trained on DIV2K, protocol standard"]
    (row,) = tables.popitem()[1].rows
    assert row[0].text == "EDSR + SPConv+"
    assert "scales of training ×2 ×3 ×4, not ×2" in items


@pytest.mark.parametrize(
    ("columns", "overrides", "reason"),
    [
        ({"steps": 5}, (), "steps 5, not 300,000"),
        ({"train_data": "sample"}, (), "data sample, not div2k"),
        ({}, ("model.num_feat=8",), "model.num_feat 8, not 256"),
        ({}, ("upsampler.hidden_dim=64",), "upsampler.hidden_dim 64, not 256"),
        ({}, ("upsampler.fgrep=false",), "upsampler.fgrep false, not true"),
        ({}, ("loss.frequency=0",), "frequency loss 0, not 0.05"),
        ({}, ("data.scales=[2,3]",), "scales of training ×2 ×3, not ×2 ×3 ×4"),
        ({"protocol": "standard+ensemble"}, (), "Protocol standard+ensemble is not that of the published"),
        ({"protocol": "liif"}, (), "Protocol liif is not that of the published"),
    ],
)
def test_what_is_not_alike_is_not_compared(
    tmp_path: Path, columns: dict[str, Any], overrides: tuple[str, ...], reason: str
) -> None:
    write_run(tmp_path / "run", SET5, edsr(*overrides), **DIV2K | {"upsampler": "igconv_plus"} | columns)
    tables, items = build(tmp_path)
    assert not tables
    assert reason in items


def test_without_its_configuration_nothing_is_compared(tmp_path: Path) -> None:
    write_run(tmp_path / "run", SET5, None, **DIV2K, upsampler="igconv_plus")
    tables, items = build(tmp_path)
    assert not tables
    assert "its configuration is not known" in items


def write_stages(folder: Path, model: str, stages: dict[str, list[str]]) -> None:
    """A run in stages, as ``stages`` leaves it: each part in a folder, what the last one left also beside them."""
    columns = {"model": model, "upsampler": "igconv_plus", "train_data": "df2k"}
    for name, overrides in stages.items():
        settings = published_config(f"model={model}", "upsampler=igconv_plus", "data=df2k", *overrides)
        weights = {} if name == "pretrain" else {"weights": f"{folder}/pretrain/model.safetensors"}
        steps = settings["trainer"]["max_steps"]
        write_run(folder / name, SET5, settings | {"stages": None} | weights, **columns, steps=steps)
        (folder / name / "cost.json").write_text('{"device": "one", "devices": 1, "train_seconds": 1800}')
    shutil.copy(folder / name / "results.csv", folder)
    shutil.copy(folder / name / "results_per_image.csv", folder)
    whole = published_config(f"model={model}", "upsampler=igconv_plus", "data=df2k")
    (folder / "config.yaml").write_text(yaml.safe_dump(whole | {"stages": stages}, sort_keys=False))


@pytest.mark.parametrize("model", ["atd", "hat"])
def test_trainings_in_two_stages_are_compared_with_table_4(tmp_path: Path, model: str) -> None:
    experiment = OmegaConf.load(CONFIG_FOLDER / "experiment" / "table4" / f"{model}_igconv_plus.yaml")
    stages: dict[str, list[str]] = OmegaConf.to_container(experiment.stages)  # type: ignore[assignment]
    write_stages(tmp_path / "run", model, stages)
    runs = read_runs([tmp_path])
    (measured,) = runs.measured
    assert measured.training is not None
    assert measured.training.cost["train_seconds"] == 3600
    tables, items = build(tmp_path)
    assert [title.partition(",")[0] for title in tables] == ["Table 4", "Table 4"], items


def test_without_its_first_stage_a_model_is_another(tmp_path: Path) -> None:
    write_stages(tmp_path / "run", "hat", {"pretrain": [], "finetune": ["trainer.max_steps=250000"]})
    tables, items = build(tmp_path)
    assert not tables
    assert "earlier stages 800,000 steps of df2k, not 800,000 steps of imagenet" in items


@pytest.mark.parametrize("model", ["hit_srf", "mambair_light", "smfanet", "srformer", "mambair"])
def test_the_published_recipes_of_this_package_are_those_of_the_tables(tmp_path: Path, model: str) -> None:
    settings = published_config(f"model={model}", "upsampler=igconv_plus", "trainer.accelerator=cpu")
    data = "div2k" if model in ("hit_srf", "mambair_light") else "df2k"
    steps = settings["trainer"]["max_steps"]
    write_run(tmp_path / "run", SET5, settings, model=model, upsampler="igconv_plus", train_data=data, steps=steps)
    tables, items = build(tmp_path)
    assert len(tables) == 2, items


def test_bicubic_is_compared_with_the_literature(tmp_path: Path) -> None:
    write_bicubic(tmp_path / "run", {("Set5", 2): {"baby": (33.68, 0.9304)}})
    tables, items = build(tmp_path)
    (row,) = tables["Bicubic, ×2, protocol standard"].rows
    assert [cell.text for cell in row[:4]] == ["bicubic", "33.66", "33.68", "+0.02"]
    assert "Of Table 2, Table 3, Table 4, Released model no row was measured." in items
