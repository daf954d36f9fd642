"""The example of docs/own_encoder.md, taken from there, trains, evaluates and loads."""

import re
import sys
from pathlib import Path

import pytest
import torch

import igconv_sr
from command_line import TINY, photographs, run, succeed
from igconv_sr.errors import InputError

GUIDE = (Path(__file__).parents[1] / "docs" / "own_encoder.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.slow
def test_example_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain.py").write_text(block("python"))
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "plain.yaml").write_text(block("yaml"))
    photographs(tmp_path / "pictures")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    where = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    tiny = [option for option in TINY if not option.startswith("model.")]
    options = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}", "debug=fast")
    succeed("train", "model=plain", where, *tiny, *options, cwd=tmp_path)
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"

    evaluate = ("evaluate", f"ckpt_path={checkpoint}", f"benchmarks=[{tmp_path / 'pictures'}]", where)
    refused = run(*evaluate, cwd=tmp_path)
    assert refused.returncode == 1
    assert "plain.Plain" in refused.stderr
    assert "model=" in refused.stderr
    assert "plain + igconv_plus" in succeed(*evaluate, "model=plain", cwd=tmp_path)

    with pytest.raises(InputError, match=r"plain\.Plain"):
        igconv_sr.load(checkpoint)
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("plain")
    net = igconv_sr.load(checkpoint)
    del sys.modules["plain"]
    assert net(torch.rand(1, 3, 7, 5), 3).shape == (1, 3, 21, 15)
