"""What a training leaves behind that is refused before its first step: nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from command_line import TINY, photographs, run, succeed
from igconv_sr.errors import InputError
from igconv_sr.training.callbacks.first_step import leaving_nothing


def _too_small(folder: Path) -> list[str]:
    return ["data.lr_patch_size=48", f"data.root={photographs(folder / 'images')}"]


def _cut_short(folder: Path, name: str) -> Path:
    images = photographs(folder / "images")
    file = images / name
    file.write_bytes(file.read_bytes()[:-2000])
    return images


def _damaged_validation(folder: Path) -> list[str]:
    return [f"data.root={_cut_short(folder, 'picture0.png')}"]  # the first is kept back


def _damaged_in_the_first_batch(folder: Path) -> list[str]:
    return [f"data.root={_cut_short(folder, 'picture1.png')}", "data.storage=encoded"]


def _benchmark_of_other_sizes(folder: Path) -> list[str]:
    photographs(folder / "Set5" / "HR")
    lr = photographs(folder / "Set5" / "LR_bicubic" / "X2", side=32)
    Image.new("RGB", (31, 32)).save(lr / "picture2.png")
    return [f"data.root={photographs(folder / 'images')}", f"benchmarks=[{folder / 'Set5'}]"]


def _benchmark_too_small(folder: Path) -> list[str]:
    photographs(folder / "Dots" / "HR", side=19)
    return [f"data.root={photographs(folder / 'images')}", f"benchmarks=[{folder / 'Dots'}]"]


def _stage(folder: Path) -> list[str]:
    return [*_too_small(folder), "stages={first: ['seed=1'], second: ['seed=2']}"]


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (_too_small, "no image is large enough"),
        (_damaged_validation, "picture0.png cannot be decoded"),
        (_damaged_in_the_first_batch, "picture1.png cannot be decoded"),
        (_benchmark_of_other_sizes, "needs 32×32 at ×2"),
        (_benchmark_too_small, "has 19×19 pixels, too few to be scored at ×4, which takes 19 on each side"),
        (_stage, "no image is large enough"),
    ],
)
def test_a_refused_training_leaves_nothing(tmp_path: Path, prepare: Callable[[Path], list[str]], told: str) -> None:
    options = (*TINY, "trainer.max_steps=2", "logger=[wandb,tensorboard]", *prepare(tmp_path))
    done = run("train", *options, "paths.output_dir=new", cwd=tmp_path)
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1], done.stderr
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "notes.txt").write_text("mine")
    assert run("train", *options, "paths.output_dir=old", cwd=tmp_path).returncode == 1
    assert [path.name for path in (tmp_path / "old").rglob("*")] == ["notes.txt"]


def test_a_refused_continuation_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    options = (*TINY, "paths.output_dir=run", f"data.root={photographs(tmp_path / 'images')}")
    succeed("train", *options, "trainer.max_steps=2", cwd=tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    (tmp_path / "images" / "picture0.png").write_bytes(b"no image")
    done = run("train", *options, "trainer.max_steps=4", "ckpt_path=last", cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_files_that_others_write_meanwhile_stay(tmp_path: Path) -> None:
    def refused() -> None:
        with leaving_nothing(tmp_path, lambda: False):
            (tmp_path / "metrics" / "version_0").mkdir(parents=True)
            (tmp_path / "notes.txt").write_text("written by an editor just now")
            raise InputError("refused")

    with pytest.raises(InputError, match="refused"):
        refused()
    assert [path.name for path in tmp_path.rglob("*")] == ["notes.txt"]
