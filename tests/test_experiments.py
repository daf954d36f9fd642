"""Every experiment composes, fits its classes, changes what its name says, and can be trained for a step."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from _pytest.mark import ParameterSet
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from command_line import photographs
from hydra_plugins.igconv_sr_cells.cell_sweeper import CellSweeper
from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.training.train import train
from igconv_sr.weights.card import ModelCard

FOLDER = CONFIG_FOLDER / "experiment"
EXPERIMENTS = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml"))

TINY = {
    "EDSR": ["num_feat=4", "num_block=1"],
    "RCAN": ["num_feat=4", "num_groups=1", "num_blocks=1", "reduction=2"],
    "SMFANet": ["dim=8", "n_blocks=1"],
    "SRFormer": ["embed_dim=8", "depths=[1]", "num_heads=[2]", "window_size=4"],
    "HiTSRF": ["embed_dim=16", "depths=[1]", "num_heads=[2]", "base_win_size=4", "hier_win_ratios=[1]"],
    "MambaIR": ["embed_dim=12", "depths=[1]", "d_state=2"],
    "ATD": ["embed_dim=8", "depths=[1]", "num_heads=[2]", "window_size=4", "category_size=16", "num_tokens=4"],
    "HAT": ["embed_dim=8", "depths=[1]", "num_heads=[2]", "window_size=4", "squeeze_factor=2"],
}
"""Sizes of each encoder with which a step takes milliseconds."""

UPSAMPLER = ("hidden_dim=8", "num_layers=1", "sample_hidden_dim=4", "sample_num_layers=1")


@pytest.fixture(autouse=True)
def _run_name(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("IGCONV_SR_RUN", "test")
    yield
    HydraConfig.instance().cfg = None


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    return config


def params_of(experiment: str) -> dict[str, str]:
    """What an experiment sweeps over, with what the experiments do that it begins with."""
    plain = yaml.safe_load((FOLDER / f"{experiment}.yaml").read_text())
    names = [name for name in plain.get("defaults", []) if isinstance(name, str)]
    begun = [name for name in names if (FOLDER / f"{name}.yaml").is_file()]
    own = plain.get("hydra", {}).get("sweeper", {}).get("params", {})
    return {key: value for name in begun for key, value in params_of(name).items()} | own


def cells_of(experiment: str) -> list[list[str]]:
    """The overrides of its trainings: those of a sweep, or its own, once for each stage."""
    plain = yaml.safe_load((FOLDER / f"{experiment}.yaml").read_text())
    params = params_of(experiment)
    overrides = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    (grid,) = CellSweeper.split_arguments(overrides, None)
    own = [] if "experiment" in params else [f"experiment={experiment}"]
    return [[*own, *cell, *stage] for cell in grid for stage in plain.get("stages", {"": []}).values()]


def sweeps_over_others(experiment: str) -> bool:
    return "experiment" in params_of(experiment)


CELLS = [cell for name in EXPERIMENTS if not sweeps_over_others(name) for cell in cells_of(name)]
REPEATED = {"model=edsr_baseline", "loss.frequency=0"}
"""Parts of cells that differ from others in these values alone."""

FAST = ("igconv_plus", "spconv_x3", "spconv_plus_x2", "shipped")


def marked(cell: list[str]) -> ParameterSet:
    fast = any(part.endswith(FAST) for part in cell) and not REPEATED & set(cell)
    return pytest.param(cell, marks=() if fast else pytest.mark.slow, id=" ".join(cell))


@pytest.mark.parametrize("cell", [marked(cell) for cell in CELLS])
def test_every_training_fits_its_classes(cell: list[str]) -> None:
    config = composed(*cell, "++data.root=x")
    model, upsampler = (OmegaConf.to_container(part, resolve=True) for part in (config.model, config.upsampler))
    with torch.device("meta"):
        net = ModelCard(model, upsampler, list(config.data.scales), "", "", "", 0).build()
    assert net.scales == tuple(config.data.scales)
    assert instantiate(config.loss)
    optimizer = instantiate(config.optim.optimizer)([torch.nn.Parameter(torch.zeros(1))])
    assert instantiate(config.optim.scheduler)(optimizer)
    assert all(step < config.trainer.max_steps for step in config.optim.scheduler.halve_at)


@pytest.mark.parametrize("name", list(filter(sweeps_over_others, EXPERIMENTS)))
def test_a_table_names_all_files_of_its_folder(name: str) -> None:
    listed = [cell[-1].removeprefix("experiment=") for cell in cells_of(name)]
    assert sorted(listed) == [other for other in EXPERIMENTS if other.startswith(f"{name}/")]


PARTS = {  # fgrep, igsample, frequency loss
    "igconv": (False, False, False),
    "igconv_fgrep": (True, False, False),
    "igconv_igsample": (False, True, False),
    "igconv_frequency": (False, False, True),
    "igconv_plus": (True, True, True),
    "igconv_plus_without_fgrep": (False, True, True),
    "igconv_plus_without_igsample": (True, False, True),
    "igconv_plus_without_frequency": (True, True, False),
}


@pytest.mark.parametrize("times", ["", "_3x"])
@pytest.mark.parametrize("variant", PARTS)
def test_variants_change_what_they_name_and_nothing_else(variant: str, times: str) -> None:
    if not (CONFIG_FOLDER / "variant" / f"{variant}{times}.yaml").is_file():
        pytest.skip("not compared at equal total steps")
    config = composed("budget=mini", f"variant={variant}{times}", "budget.steps=7")
    parts = (config.upsampler.fgrep, config.upsampler.igsample, config.loss.frequency > 0)
    assert parts == PARTS[variant]
    assert config.trainer.max_steps == (21 if times else 7)
    for group in ("model", "optim", "data"):
        ours, theirs = (OmegaConf.to_container(one[group], resolve=False) for one in (config, plain_variant()))
        assert ours == theirs, group


@cache
def plain_variant() -> DictConfig:
    return composed("budget=mini", "variant=igconv")


@pytest.mark.parametrize(
    ("experiment", "steps", "patches"), [("mini_table2", 16_000, (24, 4)), ("mini_table2_smfanet", 16_000, (48, 2))]
)
def test_trainings_of_the_mini_table_differ_in_scales_upsampler_and_loss_alone(
    experiment: str, steps: int, patches: tuple[int, int]
) -> None:
    cells = cells_of(experiment)
    assert len(cells) == 12
    configs = [composed(*cell, "++data.root=x") for cell in cells]
    assert {config.trainer.max_steps for config in configs} == {steps}
    assert len({str(OmegaConf.to_container(config.optim, resolve=False)) for config in configs}) == 1
    assert {(config.data.lr_patch_size, config.data.global_batch_size) for config in configs} == {patches}


def step_of(cell: list[str], folder: Path) -> None:
    encoder = composed(*cell, "++data.root=x").model._target_.rpartition(".")[2]
    photographs(folder / "pictures", side=72)
    config = composed(
        *(option for option in cell if option.partition("=")[0] not in ("data", "data.mix", "data.lr_patch_size")),
        "data=folder",
        f"data.root={folder / 'pictures'}",
        *(["~data.mix"] if "scales_2_to_8/mambair_igconv_plus" in cell[0] else []),
        "data.lr_patch_size=8",
        "data.global_batch_size=7",
        "data.num_workers=0",
        *(f"model.{option}" for option in TINY[encoder]),
        *(f"upsampler_size.{option}" for option in UPSAMPLER),
        "upsampler_size.spconv_plus_width=4",
        "optim.scheduler.warmup_steps=0",
        "trainer.accelerator=cpu",
        "trainer.max_steps=1",
        "+trainer.num_sanity_val_steps=0",
        f"paths.output_dir={folder / 'run'}",
    )
    train(config)
    rows = list(csv.DictReader((folder / "run" / "results.csv").open()))
    assert [float(row["scale"]) for row in rows] == list(config.data.scales)
    assert {row["steps"] for row in rows} == {"1"}


@pytest.mark.slow
@pytest.mark.parametrize("cell", [cell for cell in CELLS if not REPEATED & set(cell)], ids=" ".join)
def test_a_step_of_every_training(cell: list[str], tmp_path: Path) -> None:
    step_of(cell, tmp_path)


@pytest.mark.parametrize(
    "experiment", ["table2/hit_srf_spconv_x3", "table4/atd_igconv_plus", "scales_2_to_8/rcan_igconv_plus"]
)
def test_a_step_of_some(experiment: str, tmp_path: Path) -> None:
    step_of(cells_of(experiment)[-1], tmp_path)
