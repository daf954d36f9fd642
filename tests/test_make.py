"""make hands every name=value to Hydra as it was typed."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PRINT_ARGUMENTS = """#!/usr/bin/env python3
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ)}))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the Makefile beside a ``.venv`` whose ``igconv-sr`` prints what it was given."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    script = tmp_path / ".venv" / "bin" / "igconv-sr"
    script.parent.mkdir(parents=True)
    script.write_text(PRINT_ARGUMENTS)
    script.chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def given(checkout: Path, *arguments: str) -> dict[str, object]:
    done = subprocess.run(["make", "-s", *arguments], cwd=checkout, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "pairs",
    [
        ["model=smfanet", "upsampler=igconv", "data.scales=[2,3]", "trainer.max_steps=50", "seed=7"],
        ["data.root=/a path/with  blanks", "run.name='single' \"double\"", "x=a,b,c"],
        ["price=$HOME $(id) `id` $$", r"path=back\slash\ end", "glob=* ? [a-z] {x,y}"],
        ["+new=1", "++force=1", "~hydra/launcher=basic", "hydra/launcher=submitit_slurm", "a.b/c.d=e=f==g"],
        ["empty=", "tab=a\tb", "pairs=x", "VENV=y", "unicode=×2 ü", "comment=a#b", "semi=a;b|c&d>e<f"],
    ],
)
def test_pairs_arrive_verbatim_and_in_order(checkout: Path, pairs: list[str]) -> None:
    assert given(checkout, "train", *pairs)["arguments"] == ["train", *pairs]


def test_random_pairs_arrive_verbatim(checkout: Path) -> None:
    draw = random.Random(0)
    characters = "ab1 ,[]{}'\"$\\()*?;&|<>~`!%@^=-_./:#+\tü"
    names = ["model", "seed", "data.scales", "+new", "++force", "x/y", "~del"]
    for _ in range(60):
        pairs = [
            f"{draw.choice(names)}{n}={''.join(draw.choices(characters, k=draw.randint(0, 12))).lstrip()}"
            for n in range(3)
        ]
        assert given(checkout, "train", *pairs)["arguments"] == ["train", *pairs]


def test_pairs_are_not_exported(checkout: Path) -> None:
    environment = given(checkout, "train", "seed=$(shell touch exported)", "model=edsr")["environment"]
    assert isinstance(environment, dict)
    assert "seed" not in environment
    assert "model" not in environment
    assert not (checkout / "exported").exists()


@pytest.mark.parametrize("command", ["train", "sweep", "evaluate", "bench"])
def test_each_command_passes_its_options_on(checkout: Path, command: str) -> None:
    assert given(checkout, command, "a=b")["arguments"] == [command, "a=b"]


def test_python_is_for_make_alone(checkout: Path) -> None:
    assert given(checkout, "train", "PYTHON=python3", "a=b")["arguments"] == ["train", "a=b"]
