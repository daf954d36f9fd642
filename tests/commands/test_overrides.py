"""Overrides are taken as users type them."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.overrides import readable, with_lists


def test_one_value_is_a_list_of_one_where_a_list_is_meant() -> None:
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        given = ["data.scales=2", "benchmarks=/a/b", "seed=3", "data.scales=[2,3]", "model=edsr", "data.scales=2,3"]
        expected = ["data.scales=[2]", "benchmarks=[/a/b]", "seed=3", "data.scales=[2,3]", "model=edsr"]
        assert with_lists("train", given) == [*expected, "data.scales=2,3"]
        swept = ["data.scales=2,[2,3]", "data.scales=range(2,4)", "optim.scheduler.halve_at=5,[]", "seed=0,1"]
        expected = ["data.scales=[2],[2,3]", "data.scales=[2],[3]", "optim.scheduler.halve_at=[5],[]", "seed=0,1"]
        assert with_lists("train", swept, several=True) == expected


@pytest.mark.parametrize(
    "name", ["epoch=0-step=2.ckpt", "müller.ckpt", "图片.ckpt", "it's.ckpt", "a (1).ckpt", "plain.ckpt", "a,b.ckpt"]
)
def test_paths_are_taken_as_typed(name: str) -> None:
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        for typed in readable([f"ckpt_path={name}", f"paths.output_dir=/a/{name}"]):
            config = compose("train", overrides=[typed])
            value = config.ckpt_path or config.paths.output_dir
            assert Path(value).name == name


def test_a_comma_stands_between_paths_of_a_sweep_and_in_a_list_of_paths() -> None:
    assert readable(["data.root=/a,/b"], several=True) == ["data.root=/a,/b"]
    assert readable(["benchmarks=/a,/b"]) == ["benchmarks=/a,/b"]  # told to be a list without its brackets
