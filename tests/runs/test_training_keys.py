"""The table of keys against the configuration itself."""

from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.runs.training_keys import RULES, TRAINING_IMAGES, VALIDATION_IMAGES, changes, training_settings


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of a training with every kind of key."""
    overrides = ["data=mix", "data.mix={div2k: {root: /data, weight: 1}}", "optim.ema_decay=0.9", "weights=x"]
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", overrides=overrides)
    config.run = {}  # names the choices, which only a running command knows
    config.paths.output_dir = "here"
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return training_settings(plain)


def test_every_rule_is_the_first_for_some_key(settings: dict[str, Any]) -> None:
    keys = [*settings, TRAINING_IMAGES, VALIDATION_IMAGES]
    assert {next(rule for rule in RULES if rule.keys.fullmatch(key)) for key in keys} == set(RULES)


def test_equal_settings_have_no_changes_and_null_is_absent(settings: dict[str, Any]) -> None:
    assert changes(settings, dict(settings)) == []
    assert training_settings({"optim": {"ema_decay": None}, "seed": 0}) == {"seed": 0}


def test_the_decay_of_the_average_counts_once_or_where_it_is_set(settings: dict[str, Any]) -> None:
    assert [key for key in settings if "ema" in key] == ["optim.ema_decay"]
    by_itself = {"callbacks": {"ema": {"decay": 0.5}}, "optim": {"ema_decay": None}}
    assert training_settings(by_itself) == {"callbacks.ema.decay": 0.5}


def test_folders_and_logs_are_not_compared(settings: dict[str, Any]) -> None:
    assert not [key for key in settings if key.startswith(("paths", "logger", "run", "data.cache_dir", "benchmarks"))]


def test_a_set_of_a_mix_may_move_and_not_change_its_share(settings: dict[str, Any]) -> None:
    now = settings | {"data.mix.div2k.root": "/elsewhere", "data.mix.div2k.weight": 2}
    assert {change.key: change.rule.may_change for change in changes(settings, now)} == {
        "data.mix.div2k.root": True,
        "data.mix.div2k.weight": False,
    }


def test_the_rate_of_a_schedule_with_a_past_may_not_change(settings: dict[str, Any]) -> None:
    other = settings | {"optim.scheduler._target_": "torch.optim.lr_scheduler.LinearLR"}
    for before, may_change in ((settings, True), (other, False)):
        (change,) = changes(before, before | {"optim.optimizer.lr": 1.0})
        assert change.rule.may_change is may_change
