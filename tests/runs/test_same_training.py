"""Two configurations are the same cell if, and only if, they give the same weights."""

import copy
from typing import Any

import pytest

from igconv_sr.runs.same_training import cell_hash
from igconv_sr.sweep.cell import cell_name

CONFIG: dict[str, Any] = {
    "seed": 0,
    "ckpt_path": None,
    "benchmarks": ["/a"],
    "run": {"model": "edsr", "upsampler": "igconv"},
    "paths": {"output_dir": "outputs/x"},
    "logger": {"csv": {"save_dir": "outputs/x"}},
    "data": {
        "root": "/photographs",
        "scales": [2, 3, 4],
        "num_workers": 2,
        "cache_dir": "/cache",
        "storage": "decoded",
        "max_batch_per_device": 64,
    },
    "trainer": {
        "max_steps": 100,
        "val_check_interval": 10,
        "log_every_n_steps": 5,
        "checkpoint_every_n_steps": 20,
        "devices": 1,
        "accelerator": "auto",
    },
    "optim": {"ema_decay": None, "optimizer": {"lr": 1e-3}},
}


def changed(key: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *parts, last = key.split(".")
    node = config
    for part in parts:
        node = node.setdefault(part, {})
    node[last] = value
    return config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("paths.output_dir", "elsewhere"),
        ("logger.wandb", {"project": "p"}),
        ("ckpt_path", "last"),
        ("benchmarks", []),
        ("data.num_workers", 0),
        ("data.cache_dir", "/elsewhere"),
        ("trainer.checkpoint_every_n_steps", 1),
        ("trainer.val_check_interval", 1),
        ("trainer.compile", True),
        ("trainer.devices", 2),
        ("trainer.accelerator", "gpu"),
        ("data.storage", "encoded"),
        ("data.max_batch_per_device", 2),
        ("optim.optimizer.fused", True),
        ("budget", {"steps": 100}),
        ("published", {"lr": 1}),
        ("a_key_of_a_later_version", None),
        ("callbacks", {"image_panels": {"_target_": "a.Panels"}, "ema": {"_target_": "a.average", "decay": None}}),
    ],
)
def test_what_cannot_change_the_weights_leaves_the_hash(key: str, value: Any) -> None:
    assert cell_hash(changed(key, value)) == cell_hash(CONFIG)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 1),
        ("data.root", "/others"),
        ("data.scales", [2]),
        ("trainer.max_steps", 101),
        ("optim.ema_decay", 0.9),
        ("optim.optimizer.lr", 2e-3),
        ("weights", "/a.pth"),
        ("stages", {"one": []}),
        ("callbacks.ema.decay", 0.9),
        ("callbacks.early_stopping.patience", 2),
    ],
)
def test_what_can_change_them_changes_the_hash(key: str, value: Any) -> None:
    assert cell_hash(changed(key, value)) != cell_hash(CONFIG)


@pytest.mark.parametrize("key", ["trainer.devices", "data.max_batch_per_device"])
def test_ranks_matter_where_each_draws_a_scale_of_its_own(key: str) -> None:
    one = changed("data.scale_schedule", "per_rank")
    other = copy.deepcopy(one)
    group, name = key.split(".")
    other[group][name] = 4
    assert cell_hash(one) != cell_hash(other)


def test_the_hash_of_a_configuration_stays_what_it_was() -> None:
    """Folders of older sweeps are found again; a change here has to be wanted."""
    assert cell_hash(CONFIG) == "e1eae0261a"
    assert cell_hash(dict(reversed(CONFIG.items()))) == "e1eae0261a"


def test_names_hold_what_is_swept_and_no_character_that_a_path_minds() -> None:
    swept = {"model": "edsr", "loss.frequency": "0.05", "data.degradation": "a/b", "seed": "3"}
    assert cell_name(CONFIG, "igconv_3x", swept) == "edsr-igconv_3x-x2x3x4-frequency0.05-degradationa_b-seed0"
