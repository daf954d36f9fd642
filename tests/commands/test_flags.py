"""The flags of the analyses: what they read, what they refuse, and that each command is announced."""

import argparse
import sys
from collections.abc import Callable

import pytest

from igconv_sr.commands import cli, flags

COMMANDS = ("cka", "filters", "efficiency", "scale-curve")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5:8:0.5", [1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8]),
        ("1.1:1.4:0.1", [1.1, 1.2, 1.3, 1.4]),
        ("4, 2,2.5,2", [2, 2.5, 4]),
        ("2:3:2,8", [2, 8]),
        ("7/3", [7 / 3]),
    ],
)
def test_scales(text: str, expected: list[float]) -> None:
    found = flags.scales(text)
    assert found == expected
    assert [type(scale) for scale in found] == [int if scale == int(scale) else float for scale in found]


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (flags.scales, "1:4:1", "not a number above 1"),
        (flags.scales, "2:1:1", "holds no scale"),
        (flags.scales, "2:4:0", "holds no scale"),
        (flags.scales, "2:4", "is not FIRST:LAST:STEP"),
        (flags.scales, "2:60:0.001", "more than 1000"),
        (flags.scales, "two", "not a number from 1 to 64"),
        (flags.scale, "1/0", "not a number from 1 to 64"),
        (flags.scale, "nan", "not a number from 1 to 64"),
        (flags.whole_scales, "2,1", "enlarges nothing"),
        (flags.whole_scales, "2,2.5", "not a whole number"),
        (flags.whole, "0", "not a whole number above 0"),
        (flags.seconds, "-1", "not a number of seconds"),
        (flags.seconds, "inf", "not a number of seconds"),
        (flags.names, " , ", "no name"),
    ],
)
def test_what_is_none_is_refused(read: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        read(text)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_announced_and_explains_itself(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = (line for line in cli.USAGE.splitlines() if line.split()[:1] == [command])
    assert line.endswith("."), "a sentence"
    monkeypatch.setattr(sys, "argv", ["igconv-sr", command, "--help"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert "--output" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_flags_take_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["igconv-sr", command, "--nonsense"])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert f"igconv-sr {command} --help" in line
