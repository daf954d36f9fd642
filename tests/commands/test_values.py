"""Every configuration of ours is one that its constructors can take; others are refused."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.values import check_values
from igconv_sr.errors import InputError

CHOICES = [
    f"{group}={path.relative_to(CONFIG_FOLDER / group).with_suffix('')}"
    for group in ("model", "upsampler", "data", "optim", "trainer", "recipe", "budget", "variant", "experiment")
    for path in sorted((CONFIG_FOLDER / group).rglob("*.yaml"))
    if path.name not in ("_crops.yaml", "remote.yaml") and path.parent.name != "blur_downscale_noise"
]


def composed(*overrides: str) -> DictConfig:
    names = ("run.model=m", "run.upsampler=u", "paths.output_dir=/out")
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        return compose("train", overrides=[*overrides, *names])


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_of_ours_can_be_taken(choice: str) -> None:
    also = {"data=mix": ["data.mix={div2k: 1}"], "data=sample": []}
    if choice.startswith("data="):
        needed = also.get(choice, ["data.root=/x"])
    else:
        needed = ["budget=mini"] if choice.startswith("variant=") else []
    check_values(composed(choice, *needed))


@pytest.mark.parametrize("key", ["model.num_block", "data.global_batch_size", "upsampler.fgrep", "data.degradation"])
def test_a_value_of_the_wrong_type_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=rf"{key}=\[\[\]\]: "):
        check_values(composed(f"{key}=[[]]"))


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("upsampler.fgrep=no", False),
        ("upsampler.igsample=0", False),
        ("model.num_block=2.0", 2),
        ("optim.optimizer.lr='1e-3'", 1e-3),
        ("data.name=2026", "2026"),
        ("loss.l1=1", 1),
        ("trainer.devices='2'", "2"),
    ],
)
def test_a_value_becomes_what_is_declared(typed: str, taken: object) -> None:
    config = composed("data=folder", "data.root=/x", typed)
    check_values(config)
    value = OmegaConf.select(config, typed.partition("=")[0])
    assert (value, type(value)) == (taken, type(taken))


class Odd:
    """Declares what no type is, as others' code does."""

    def __init__(self, function: callable, count: int, shape: "no.such.Type" = None) -> None: ...  # type: ignore  # noqa


def test_what_is_declared_oddly_is_not_checked() -> None:
    check_values(OmegaConf.create({"model": {"_target_": f"{__name__}.Odd", "function": 3, "count": "many"}}))
    check_values(OmegaConf.create({"model": {"_target_": f"{__name__}.Callable", "function": 3, "count": 1}}))
    with pytest.raises(InputError, match=r"model\.count=many"):
        check_values(OmegaConf.create({"model": {"_target_": f"{__name__}.Callable", "function": 3, "count": "many"}}))


class Callable:
    """Declares one argument by a function and one by a type."""

    def __init__(self, function: callable, count: int) -> None: ...  # type: ignore[valid-type]
