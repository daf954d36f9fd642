"""``data.degradation`` on the command line: every choice trains, repeats itself and shows in results."""

import csv
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from PIL import Image
from torch import Tensor

from command_line import TINY, photographs, succeed
from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.sentences import explain
from igconv_sr.data.batches.named_degradation import DEGRADATIONS
from igconv_sr.sweep.cell import read_cells


def div2k(root: Path) -> tuple[str, ...]:
    """Pictures with LR images beside them, and the options that name them."""
    for path in sorted(photographs(root / "DIV2K_train_HR").iterdir()):
        for scale in (2, 3, 4):
            lr = root / "DIV2K_train_LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png"
            lr.parent.mkdir(parents=True, exist_ok=True)
            Image.open(path).reduce(scale).crop((0, 0, 64 // scale, 64 // scale)).save(lr)
    return div2k_options(root)


def div2k_options(root: Path) -> tuple[str, ...]:
    named = (f"data.root={root}", "data.train_folder=DIV2K_train_HR", "data.name=div2k")
    return (*TINY, *named, "optim.scheduler.cosine_to=null")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds ``sweep`` with one training of four steps for each choice."""
    folder = tmp_path_factory.mktemp("trainings")
    choices = f"data.degradation={','.join(DEGRADATIONS)}"
    succeed("sweep", *div2k(folder / "data"), "trainer.max_steps=4", choices, "paths.output_dir=sweep", cwd=folder)
    return folder


def weights(folder: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return state


def cell(folder: Path, degradation: str) -> Path:
    (found,) = [
        path for path, cell in read_cells(folder / "sweep").items() if f"degradation{degradation}-" in f"{cell.name}-"
    ]
    return found


@pytest.mark.slow
def test_every_choice_trains_and_is_named_in_results(folder: Path) -> None:
    cells = [cell(folder, degradation) for degradation in DEGRADATIONS]
    names = [row["train_data"] for path in cells for row in csv.DictReader((path / "results.csv").open())]
    others = [f"div2k ({name})" for name in DEGRADATIONS[1:]]
    assert names == [name for name in ("div2k", *others) for _ in range(3)]
    trained = [weights(path)["net.encoder.conv_first.weight"] for path in cells]
    assert torch.equal(trained[0], trained[1]), "matlab_fast is exact at ×2, ×3 and ×4"
    for number in (2, 3, 4):
        assert not torch.equal(trained[0], trained[number]), DEGRADATIONS[number]


@pytest.mark.slow
def test_pairs_have_no_results_where_there_are_no_lr_files(tmp_path: Path) -> None:
    """LR images made from the HR ones would be another task under the same name."""
    photographs(tmp_path / "Zoo" / "HR")
    scored = ("data.scales=[2]", "further_scales=[2.5,6]", f"benchmarks=[{tmp_path / 'Zoo'}]")
    options = (*div2k(tmp_path / "data"), "data.degradation=paired", *scored, "trainer.max_steps=1")
    printed = succeed("train", *options, "paths.output_dir=run", cwd=tmp_path)
    assert "No results of div2k (paired) at ×2.5, ×6: only LR files of data.scales count" in printed
    rows = list(csv.DictReader((tmp_path / "run" / "results.csv").open()))
    assert [(row["benchmark"], row["scale"]) for row in rows] == [
        ("div2k (paired)", "2"),
        *(("Zoo", scale) for scale in ("2", "2.5", "6")),
    ]


@pytest.mark.slow
def test_a_degraded_training_resumes_bit_for_bit(folder: Path) -> None:
    """The second half with a worker."""
    here = f"paths.output_dir={folder / 'parts'}"
    options = div2k_options(folder / "data")
    succeed("train", *options, "data.degradation=blur_downscale_noise", here, "trainer.max_steps=2", cwd=folder)
    succeed("train", "ckpt_path=last", here, "trainer.max_steps=4", "data.num_workers=1", cwd=folder)
    whole, parts = weights(cell(folder, "blur_downscale_noise")), weights(folder / "parts")
    assert whole.keys() == parts.keys()
    for key, value in whole.items():
        assert torch.equal(value, parts[key]), key


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("data.degradation=blur", f"=blur: there is no such degradation; choices: {', '.join(DEGRADATIONS)}"),
        ("data.degradation=paired", "no LR images for ×2 found beside the HR ones"),
        ("data.blur_downscale_noise.jpeg_quality=[0,50]", "jpeg_quality=[0, 50] must be two numbers [from,to] within"),
        ("+data.blur_downscale_noise.jpg_quality=[1,50]", "no such argument; did you mean jpeg_quality?"),
    ],
)
def test_mistakes_give_one_line(tmp_path: Path, option: str, line: str) -> None:
    overrides = ["data=folder", f"data.root={photographs(tmp_path / 'pictures')}", option]
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        data = compose("train", overrides).data
        data.cache_dir = str(tmp_path)
    with pytest.raises(InstantiationException) as raised:
        instantiate(data)
    explained = explain(raised.value, "train", overrides)
    assert explained is not None
    assert line in explained
    assert "\n" not in explained
