"""Every file in conf/ composes and fits the classes it names."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from igconv_sr.commands.config import CONFIG_FOLDER, OVERRIDES, train_arguments
from igconv_sr.errors import InputError
from igconv_sr.weights.card import ModelCard

MODELS = sorted(path.stem for path in (CONFIG_FOLDER / "model").glob("*.yaml") if path.stem != "bicubic")
UPSAMPLERS = sorted(path.stem for path in (CONFIG_FOLDER / "upsampler").glob("*.yaml"))


def composed(*overrides: str, name: str = "train") -> DictConfig:
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        return compose(name, overrides=list(overrides), return_hydra_config=True)


@pytest.fixture(autouse=True)
def _run_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGCONV_SR_RUN", "test")


def card(config: DictConfig) -> ModelCard:
    model, upsampler = (OmegaConf.to_container(part, resolve=True) for part in (config.model, config.upsampler))
    return ModelCard(model, upsampler, list(config.data.scales), "", "", "", 0)


@pytest.mark.parametrize("upsampler", UPSAMPLERS)
@pytest.mark.parametrize("model", MODELS)
def test_model_and_upsampler_fit_their_classes(model: str, upsampler: str) -> None:
    config = composed(f"model={model}", f"upsampler={upsampler}")
    with torch.device("meta"):
        net = card(config).build()
    assert net.scales == (2, 3, 4)


@pytest.mark.parametrize("model", MODELS)
def test_paper_recipe_gives_a_schedule_that_falls(model: str) -> None:
    config = composed(f"model={model}", "recipe=paper")
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = instantiate(config.optim.optimizer)([parameter])
    highest = optimizer.param_groups[0]["lr"]
    assert instantiate(config.optim.scheduler)(optimizer)
    assert config.optim.scheduler.halve_at or config.optim.scheduler.cosine_to < highest
    assert all(step < config.trainer.max_steps for step in config.optim.scheduler.halve_at)
    assert highest == config.published.lr
    assert optimizer.param_groups[0]["weight_decay"] == 0, "none of the released trainings decays weights"


DATA = sorted(path.stem for path in (CONFIG_FOLDER / "data").glob("*.yaml") if path.stem != "_crops")


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("trainer", ["auto", "cpu", "gpu", "ddp"])
def test_data_and_trainer_compose(data: str, trainer: str) -> None:
    config = composed(f"data={data}", f"trainer={trainer}", "data.root=x" if data != "sample" else "seed=1")
    assert config.data.seed == config.seed


FILES = {
    "folder": (["a.png", "b.png", "c.png"], "3 images - 1 kept back"),
    "div2k": (["DIV2K_train_HR/0001.png", "DIV2K_train_LR_bicubic/X2/0001x2.png", "DIV2K_valid_HR/0801.png"], "1, 1"),
    "flickr2k": (["Flickr2K/Flickr2K_HR/1.png", "DIV2K/DIV2K_valid_HR/0801.png"], "1, 1"),
    "df2k": (["Flickr2K_HR/1.png", "DIV2K_train_HR/0001.png", "DIV2K_valid_HR/0801.png"], "2, 1"),
    "lsdir": (["LSDIR/train/0001000/1.png", "LSDIR/train/0002000/2.png", "LSDIR/val1/HR/val/1.png"], "2, 1"),
    "imagenet": (["train/n1/a.JPEG", "train/n2/b.JPEG", "val/n1/c.JPEG"], "2 - 1 kept back"),
    "mix": (["Flickr2K_HR/1.png", "DIV2K_train_HR/0001.png", "DIV2K_valid_HR/0801.png"], "2, 1"),
}


@pytest.mark.parametrize("data", [data for data in DATA if data not in ("sample", "remote")])  # remote: test_remote.py
def test_data_fits_its_class_and_a_tree_of_its_kind(tmp_path: Path, data: str) -> None:
    names, meaning = FILES[data]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    mix = ["data.mix={div2k: 1, flickr2k: {weight: 2}}"] if data == "mix" else []
    module = instantiate(composed(f"data={data}", f"data.root={tmp_path}", *mix).data)
    counts = {"3 images - 1 kept back": (2, 1), "2 - 1 kept back": (1, 1), "1, 1": (1, 1), "2, 1": (2, 1)}[meaning]
    assert (len(module.train_files), len(module.valid_files)) == counts
    assert not {*module.train_files} & {*module.valid_files}
    assert not any("X2" in str(path) for path in module.train_files), "LR images are not trained on"
    first = module.describe().splitlines()[0]
    assert ("kept back" in first) == ("kept back" in meaning)
    assert module.benchmark.files == tuple(module.valid_files)
    assert module.benchmark.name == {"folder": "folder", "imagenet": "imagenet", "lsdir": "LSDIR_valid"}.get(
        data, "DIV2K_valid"
    )
    assert module.dataset_name == ("div2k:1+flickr2k:2" if data == "mix" else data)


@pytest.mark.parametrize("name", ["evaluate", "bench"])
def test_other_commands_compose(name: str) -> None:
    assert composed(name=name).paths.output_dir == f"outputs/{name}/test"


def test_local_defaults_are_optional_and_win(tmp_path: Path) -> None:
    local = tmp_path / "conf"
    (local / "local").mkdir(parents=True)
    (local / "local" / "default.yaml").write_text("# @package _global_\nseed: 99\ndata: {lr_patch_size: 17}\n")
    overrides = [f"hydra.searchpath=[file://{local}]"]
    config = composed(*overrides)
    assert (config.seed, config.data.lr_patch_size) == (99, 17)


def test_the_options_of_a_run_are_found(tmp_path: Path) -> None:
    saved = tmp_path / "a" / OVERRIDES
    saved.parent.mkdir(parents=True)
    saved.write_text("[seed=5]")
    again = ["ckpt_path=last", f"paths.output_dir={tmp_path}/a"]
    assert train_arguments(again) == ["seed=5", *again]
    for damage in (b"- [", b"\xff\xfe"):
        saved.write_bytes(damage)
        with pytest.raises(InputError, match=r"overrides\.yaml is damaged; remove it"):
            train_arguments(again)
