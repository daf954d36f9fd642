"""Walks through every key of the configurations of train and evaluate with values that make no sense.

The keys come from the configuration, so that new ones are walked through as well. Each value is either taken or refused
in one line that leaves nothing behind; a traceback is neither.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from lightning.pytorch import Trainer
from omegaconf import OmegaConf
from PIL import Image

from igconv_sr.commands import cli
from igconv_sr.commands.config import CONFIG_FOLDER

ANY = ["", "[]", "-1", "0", "1e30", "99999999999999999999", "abc", "null", "true", "0.5", "nan", "{a: 1}"]
LISTS = ["[2,2]", "[-1]", "[0]", "[abc]", "[null]", "[[1]]"]
MUST_BE_REFUSED = {
    "train": [
        *("seed=-1", "seed=true", "seed=99999999999999999999", "data.seed=-1", "trainer.max_steps=0"),
        *(
            "data.scales=[]",
            "data.scales=[2,2]",
            "data.scales=[-1]",
            "data.lr_patch_size=0",
            "data.max_batch_per_device=0",
            "data.num_workers=-1",
        ),
        *("optim.optimizer.lr=-1", "optim.optimizer.lr=abc", "optim.optimizer.lr=nan", "optim.ema_decay=-1"),
        *("optim.encoder_lr_factor=-1", "optim.encoder_frozen_steps=-1"),
        *("optim.scheduler.warmup_steps=-1", "trainer.precision=bf61", "trainer.gradient_clip_val=-1"),
        *("trainer.accelerator=abc", "trainer.strategy=abc", "trainer.devices=abc", "trainer.val_check_interval=0"),
        *("model.num_feat=0", "model.num_block=-1", "model.res_scale=nan", "model._target_=abc", "model.num_feat=null"),
        *("upsampler.fgrep=maybe", "upsampler.hidden_dim=0", "upsampler.num_layers=99999999999999999999"),
        *("loss.l1=nan", "loss.frequency=-1", "stages=abc", "benchmarks=null", "paths.output_dir={a: 1}"),
    ],
    "evaluate": [
        *("scales=[]", "scales=[0]", "scales=[2,2]", "scales=nan", "benchmarks=[]", "ckpt_path={a: 1}", "sr=[]"),
        *(
            "tile=-1",
            "tile_overlap=-1",
            "self_ensemble=maybe",
            "protocol=abc",
            "protocol=-1",
            "trainer.accelerator=abc",
            "trainer.devices=-2",
            "trainer.strategy=abc",
            "metrics=abc",
            "weights_of=abc",
        ),
    ],
}


OTHER_WORDS = {"trainer.precision": ["precision"], "data.scales": ["scale"], "scales": ["scale"]}
"""Of sentences that do not name the key."""


class Accepted(BaseException):
    """The training would begin."""


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def keys_of(command: str) -> list[tuple[str, str, list[str]]]:
    with pytest.MonkeyPatch.context() as patch, initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        patch.setenv("IGCONV_SR_RUN", "walk")
        plain: Any = OmegaConf.to_container(compose(command), resolve=False)
    # The published hyper-parameters are read where recipe=paper refers to them, and are refused there.
    keys = [(key, value) for key, value in leaves(plain) if not key.startswith("published.")]
    return [(command, key, ANY + LISTS if isinstance(value, list) else ANY) for key, value in keys]


KEYS = [*keys_of("train"), *keys_of("evaluate")]


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    def fit(*_: Any, **__: Any) -> None:
        raise Accepted

    def run(command: str, override: str) -> str:
        """The line of an error; empty where the value is taken."""
        GlobalHydra.instance().clear()
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        own = [] if override.startswith("paths.output_dir") else [f"paths.output_dir={out}"]
        model = ["model=bicubic"] if command == "evaluate" else []
        is_given = command == "train" or override.startswith("benchmarks")
        given = [] if is_given else [f"benchmarks=[{tmp_path / 'set'}]"]
        monkeypatch.setattr(sys, "argv", ["igconv-sr", command, *model, *given, override, *own])
        status: object = None
        try:
            cli.main()  # an evaluation of a picture ends well
        except Accepted:
            pass
        except SystemExit as stopped:
            status = stopped.code
        error = capsys.readouterr().err
        if status is None:
            return ""
        lines = [line for line in error.splitlines() if line.startswith("igconv-sr: ")]
        assert status == 1, f"{override}: {error}"
        assert len(lines) == 1, f"{override}: {error}"
        assert not out.exists(), f"{override} left {list(out.rglob('*'))}"
        return lines[0]

    (tmp_path / "set").mkdir()
    Image.new("RGB", (48, 48)).save(tmp_path / "set" / "picture.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Trainer, "fit", fit)
    monkeypatch.setenv("IGCONV_SR_CACHE", str(tmp_path / "cache"))
    yield run
    GlobalHydra.instance().clear()


@pytest.mark.slow
@pytest.mark.parametrize(("command", "key", "values"), KEYS, ids=[f"{command} {key}" for command, key, _ in KEYS])
def test_nonsense_is_taken_or_refused_in_a_line(command: str, key: str, values: list[str], outcome: Any) -> None:
    for value in values:
        outcome(command, f"{key}={value}")


@pytest.mark.parametrize(
    ("command", "override"), [(command, each) for command, some in MUST_BE_REFUSED.items() for each in some]
)
def test_what_cannot_be_meant_is_refused(command: str, override: str, outcome: Any) -> None:
    line = outcome(command, override)
    assert line, "taken"
    key = override.partition("=")[0]
    assert any(word.lower() in line.lower() for word in (key, key.rpartition(".")[0] or key, *OTHER_WORDS.get(key, ())))
