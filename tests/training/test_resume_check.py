"""What a training is asked to go on with takes effect and is said, or is refused with both values."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from command_line import TINY, photographs, run, succeed
from igconv_sr.errors import InputError
from igconv_sr.training.callbacks import SETTINGS_KEY
from igconv_sr.training.resume import check_continuing
from igconv_sr.weights.card import ModelCard

STEPS, LR = 20, 2e-3


def options(tmp_path: Path, output: str, steps: int = STEPS) -> list[str]:
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / output}")
    return ["train", *TINY, *where, "optim.ema_decay=0.9", f"trainer.max_steps={steps}"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures and a finished training, ``run``; tests leave both as they are."""
    folder = tmp_path_factory.mktemp("trained")
    photographs(folder / "pictures")
    succeed(*options(folder, "run"), cwd=folder)
    return folder


def last(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def read(folder: Path) -> dict[str, Any]:
    return torch.load(last(folder), weights_only=True)


def goes_on(
    trained: Path, checkpoint: Path, max_steps: int = STEPS + 4, in_its_folder: bool = False, **changed: Any
) -> None:
    """Checks a training with the network and the settings of ``run``, but for those given."""
    content = read(trained / "run")
    settings = json.loads(content[SETTINGS_KEY]) | changed
    settings = {key: value for key, value in settings.items() if value is not None}
    card = ModelCard.from_json(content["igconv_sr"])
    check_continuing(checkpoint, card, settings, max_steps, in_its_folder=in_its_folder)


REFUSED = {
    "optim.optimizer._target_": ("torch.optim.AdamW", "torch.optim.Adam"),
    "optim.optimizer.weight_decay": (0.1, "null"),
    "optim.optimizer.betas": ([0.5, 0.9], "[0.9, 0.99]"),
    "optim.scheduler._target_": ("torch.optim.lr_scheduler.LinearLR", "igconv_sr.optim.learning_rate_schedule"),
    "optim.ema_decay": (None, "0.9"),
    "loss.frequency": (0.0, "0.05"),
    "seed": (1, "0"),
    "data.degradation": ("pil", "matlab"),
    "data.scale_schedule": ("per_rank", "all"),
    "data.name": ("other", "folder"),
    "weights": ("photo-small", "null"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_makes_another_training_is_refused_with_both_values(trained: Path, key: str) -> None:
    now, before = REFUSED[key]
    with pytest.raises(InputError) as refusal:
        goes_on(trained, _copy(trained), **{key: now})
    shown = now if isinstance(now, str) else json.dumps(now)
    assert f"{key} (now {shown}, trained with {before}: " in str(refusal.value)
    assert "start anew from its weights in another folder: weights=" in str(refusal.value)


def _copy(trained: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """The checkpoint alone in a folder, after a change."""
    path = trained / "alone.ckpt"
    content = read(trained / "run")
    if change is not None:
        change(content)
    torch.save(content, path)
    return path


def test_refusals_leave_the_run_as_it_was_and_do_not_come_back(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained / "run", folder)
    where = f"paths.output_dir={folder}"
    left = ("checkpoints/last.ckpt", "config.yaml", "results.csv")
    before = {name: (folder / name).read_bytes() for name in left}
    done = run("train", "ckpt_path=last", where, "optim=adamw", "optim.ema_decay=null", "seed=3", cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    for said in (
        "optim.optimizer._target_ (now torch.optim.AdamW, trained with torch.optim.Adam: ",
        "optim.ema_decay (now null, trained with 0.9: ",
        "seed (now 3, trained with 0",
    ):
        assert said in line
    assert {name: (folder / name).read_bytes() for name in left} == before
    (folder / "results.csv").unlink()
    printed = succeed("train", "ckpt_path=last", where, cwd=tmp_path)
    assert f"Nothing is left to train: {last(folder)} is at step 20 of trainer.max_steps=20" in printed
    assert len((folder / "results.csv").read_text().splitlines()) == 4


def test_a_new_rate_and_schedule_take_effect_and_are_said(trained: Path, tmp_path: Path) -> None:
    """Also another batch, and the same pictures in another place."""
    shutil.copytree(trained / "pictures", tmp_path / "pictures")
    changed = ("optim.optimizer.lr=1e-5", "optim.scheduler.cosine_to=0", "data.global_batch_size=3")
    more = (*changed, "trainer.log_every_n_steps=1", f"ckpt_path={last(trained / 'run')}")
    printed = succeed(*options(tmp_path, "new", STEPS + 4), *more, cwd=tmp_path)
    (line,) = [line for line in printed.splitlines() if line.startswith("Continues ")]
    assert line.startswith(f"Continues {last(trained / 'run')} at step {STEPS}; ")
    for said in (
        "optim.optimizer.lr=1e-05, before 0.002",
        "data.global_batch_size=3, before 6",
        f"data.root={tmp_path / 'pictures'}, before {trained / 'pictures'}",
        "trainer.max_steps=24, before 20",
    ):
        assert f"; {said}" in line
    before, after = read(trained / "run"), read(tmp_path / "new")
    assert after["lr_schedulers"][0]["base_lrs"] == [1e-5]
    (group,) = after["optimizer_states"][0]["param_groups"]
    assert (group["initial_lr"], group["lr"]) == (1e-5, pytest.approx(0, abs=1e-12))
    pairs = zip(before["current_model_state"].values(), after["current_model_state"].values(), strict=True)
    moved = max((a - b).abs().max().item() for a, b in pairs if a.is_floating_point())
    assert 0 < moved < 4 * 1e-5  # by four steps of Adam; the schedule's sum is less than a tenth of that
    (table,) = (tmp_path / "new" / "metrics").glob("*/metrics.csv")
    names, *rows = [row.split(",") for row in table.read_text().splitlines()]
    rates = [float(row[names.index("lr-Adam")]) for row in rows if row[names.index("lr-Adam")]]
    formula = [1e-5 * (1 + math.cos(math.pi * step / (STEPS + 4))) / 2 for step in range(STEPS, STEPS + 4)]
    assert rates == pytest.approx(formula, rel=1e-6)


def test_nothing_left_to_train_in_a_new_folder_is_said(trained: Path, tmp_path: Path) -> None:
    done = run(*options(trained, "new"), f"ckpt_path={last(trained / 'run')}", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"igconv-sr: nothing is left to train: {last(trained / 'run')} is at step 20, and trainer.max_steps=20; "
    )
    assert not (trained / "new").exists()


def test_fewer_steps_than_the_checkpoint_has_are_refused_in_its_folder_too(trained: Path) -> None:
    with pytest.raises(InputError, match=r"nothing is left to train: .* at step 20, and trainer\.max_steps=19"):
        goes_on(trained, last(trained / "run"), STEPS - 1, in_its_folder=True)


def test_an_older_checkpoint_is_compared_with_the_configuration_beside_it(trained: Path) -> None:
    older = trained / "older"
    last(older).parent.mkdir(parents=True)
    _copy(trained, lambda content: content.pop(SETTINGS_KEY)).rename(last(older))
    config = yaml.safe_load((trained / "run" / "config.yaml").read_text())
    (older / "config.yaml").write_text(yaml.safe_dump(config | {"seed": 7}))
    content = read(older)
    settings = json.loads(read(trained / "run")[SETTINGS_KEY])
    arguments = (last(older), ModelCard.from_json(content["igconv_sr"]), settings, STEPS + 1)
    with pytest.raises(InputError, match=r"value of seed \(now 0, trained with 7: "):
        check_continuing(*arguments, in_its_folder=False)


def test_a_checkpoint_of_which_nothing_is_known_says_so(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    goes_on(trained, _copy(trained, lambda content: content.pop(SETTINGS_KEY)), seed=1)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("at step 20; what it was trained with is not known, so that nothing could be compared")


def test_weights_are_no_training(trained: Path) -> None:
    with pytest.raises(InputError, match=r"holds weights and no training to continue; start from them: weights="):
        goes_on(trained, trained / "run" / "model.safetensors")


@pytest.mark.slow
def test_an_average_cannot_be_added_and_other_pictures_are_another_set(trained: Path, tmp_path: Path) -> None:
    photographs(tmp_path / "pictures")
    succeed(*options(tmp_path, "run", 3), "optim.ema_decay=null", cwd=tmp_path)
    done = run(*options(tmp_path, "run", 6), "ckpt_path=last", cwd=tmp_path)
    assert "optim.ema_decay (now 0.9, trained with null: " in done.stderr
    shutil.copy(tmp_path / "pictures" / "picture0.png", tmp_path / "pictures" / "added.png")
    done = run(*options(tmp_path, "run", 6), "ckpt_path=last", "optim.ema_decay=null", cwd=tmp_path)
    assert done.returncode == 1
    assert "training images (now 3, hash " in done.stderr
    assert read(tmp_path / "run")["global_step"] == 3


@pytest.mark.slow
def test_a_refused_new_training_does_not_change_what_the_old_one_goes_on_with(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    where = f"paths.output_dir={tmp_path / 'run'}"
    done = run(*options(trained, "run", 3), where.replace("paths", "++paths"), "seed=9", cwd=tmp_path)
    assert "already holds a training" in done.stderr
    assert "Nothing is left to train" in succeed("train", "ckpt_path=last", where, cwd=tmp_path)
