"""``--help`` of the commands that take keys: everything that can be given is there, with what its file says of it."""

import sys

import pytest
from hydra import compose, initialize_config_dir

from igconv_sr.commands import cli
from igconv_sr.commands.config import CONFIG_FOLDER

WITH_KEYS = {name: command.config for name, command in cli.COMMANDS.items() if command.config}


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["igconv-sr", *arguments, "--help"])
    cli.main()
    return capsys.readouterr().out


@pytest.mark.parametrize("command", WITH_KEYS)
def test_every_key_is_listed(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(capsys, monkeypatch, command)
    assert text.startswith(f"Usage: igconv-sr {command} ")
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose(WITH_KEYS[command])
    for key in config:
        assert f"\n  {key}:" in text or key == "published"


def test_keys_come_with_what_their_file_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(capsys, monkeypatch, "train")
    assert "\n  weights_strict: false # true: refuse" in text
    assert "\n  trainer: auto, cpu, ddp, gpu\n" in text
    assert "_self_" not in text
    assert "hydra/" not in text


def test_a_choice_shows_its_own_keys(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "train_folder" not in printed(capsys, monkeypatch, "train")
    assert "\n    train_folder: ." in printed(capsys, monkeypatch, "train", "data=folder")


def test_a_choice_of_another_commands_group_is_passed_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "train_folder" not in printed(capsys, monkeypatch, "evaluate", "data=folder")
