"""The W&B report: of names that runs log, the same each time, renewed and not doubled, mistakes in a line."""

import json
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_line import environment
from dashboard_specification import PLACE, config_keys, grids, logged_names, panels, specification
from igconv_sr.commands import cli
from igconv_sr.dashboard.dashboard import main
from wandb_server import Project, serving


def test_it_shows_curves_results_costs_and_pictures(tmp_path: Path) -> None:
    made = specification(tmp_path, "--benchmarks", "folder", "--scales", "2,2.5")
    assert logged_names(made) == {
        "trainer/global_step",
        *(f"{name}_x{scale}" for name in ("valid/psnr_y", "valid/images", "test/folder/psnr_y") for scale in (2, 2.5)),
        *("cost/params", "cost/train_seconds", "cost/device", "test/crops", "test/results"),
    }
    kinds = Counter(panel["viewType"] for panel in panels(made))
    curves, media = {"Run History Line Plot": 2, "Bar Chart": 2, "Scatter Plot": 4}, {"Media Browser": 2, "Weave": 2}
    assert kinds == curves | media


def test_runs_are_grouped_by_sweep_and_by_what_the_experiments_vary(tmp_path: Path) -> None:
    made = specification(tmp_path)
    varied = {("run", "model"), ("run", "upsampler"), ("data", "scales"), ("trainer", "max_steps")}
    parts = {("upsampler", "fgrep"), ("upsampler", "igsample"), ("loss", "frequency")}
    assert config_keys(made) == varied | parts
    for grid in grids(made):
        assert grid["runSets"][0]["grouping"][0] == {"section": "run", "name": "group"}


def test_the_same_arguments_give_the_same_report_and_leave_random_numbers_alone(tmp_path: Path) -> None:
    made = []
    for seed in (1, 2):
        random.seed(seed)
        state = random.getstate()
        made.append(specification(tmp_path))
        assert random.getstate() == state
    assert made[0] == made[1]
    ids = [panel["__id__"] for panel in panels(made[0])]
    assert len(ids) == len(set(ids)) == 3 + 2 * 3 + 2 * 3 + 3 + 2
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("scales", ["2", "2,3", "1.5:3:0.5", "2:8:1"])
def test_panels_lie_in_the_grid_and_on_no_other(tmp_path: Path, scales: str) -> None:
    for grid in grids(specification(tmp_path, "--scales", scales)):
        taken = set()
        for panel in grid["panelBankSectionConfig"]["panels"]:
            x, y, w, h = (panel["layout"][key] for key in "xywh")
            assert x + w <= 24
            cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
            assert not cells & taken
            taken |= cells


def test_bars_start_at_published_bicubic_where_there_is_one(tmp_path: Path) -> None:
    made = specification(tmp_path, "--benchmarks", "Set5,own", "--scales", "2,4")
    bars = {
        panel["config"]["metrics"][0]: panel["config"] for panel in panels(made) if panel["viewType"] == "Bar Chart"
    }
    starts = {name: config.get("xAxisMin") for name, config in bars.items()}
    of_own = {"test/own/psnr_y_x2": None, "test/own/psnr_y_x4": None}
    assert starts == {"test/Set5/psnr_y_x2": 33.66, "test/Set5/psnr_y_x4": 28.42, **of_own}


@pytest.mark.parametrize("group", ["ablation", 'it\'s "mine"', "a\\nb"])
def test_group_filters_the_runs(tmp_path: Path, group: str) -> None:
    for grid in grids(specification(tmp_path, "--group", group)):
        (runs,) = grid["runSets"]
        (condition,) = runs["filters"]["filters"]
        assert condition["key"] == {"section": "run", "name": "group"}
        assert (condition["op"], condition["value"]) == ("=", group)
        assert {key["section"] for key in runs["grouping"]} == {"config"}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A server that takes any key."""
    served = Project("lab", "sr", groups=["ablation", "table2"])
    with serving(served):
        monkeypatch.setenv("WANDB_BASE_URL", served.address)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        yield served


def test_the_second_call_renews_the_report(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*PLACE, "--group", "ablation", "--scales", "2"])
    main([*PLACE, "--group", "table2"])
    capsys.readouterr()
    first, other = project.views
    main([*PLACE, "--group", "ablation"])
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"/Comparison-of-ablation--{first['id']}")
    assert [view["id"] for view in project.views] == [other["id"], first["id"]]
    renewed = project.views[-1]
    assert (renewed["entityName"], renewed["projectName"]) == ("lab", "sr")
    assert renewed["displayName"] == "Comparison of ablation"
    assert json.loads(renewed["spec"]) == specification(tmp_path, "--group", "ablation")
    assert renewed["spec"] != first["spec"]


@pytest.fixture
def one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs the command, which must fail with one line; gives its exit status and that line."""
    monkeypatch.chdir(tmp_path)

    def run(*flags: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["igconv-sr", "dashboard", *flags])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        (line,) = capsys.readouterr().err.splitlines()
        return int(str(stopped.value.code)), line

    return run


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--project", "sr"], ["required: --entity"]),
        (["--entity", "lab"], ["required: --project"]),
        (["--entity", "lab/sr", "--project", "sr"], ["--entity", "'lab/sr'"]),
        ([*PLACE, "--scales", "two"], ["--scales", "two"]),
        ([*PLACE, "--benchmarks", ","], ["--benchmarks", "no name"]),
        ([*PLACE, "--title", "t" * 129], ["--title", "128"]),
        ([*PLACE, "--title", "IGConv/SPConv"], ["--title", "no slash"]),
    ],
)
def test_mistake_in_a_flag_is_one_line(
    one_line: Callable[..., tuple[int, str]], flags: list[str], parts: list[str]
) -> None:
    status, line = one_line(*flags)
    assert status == 2
    assert all(part in line for part in parts), line


def test_names_that_the_server_does_not_have_are_told_and_make_nothing(
    one_line: Callable[..., tuple[int, str]], project: Project
) -> None:
    status, line = one_line("--entity", "lab", "--project", "srr")
    assert status == 1
    assert "there is no project lab/srr" in line
    status, line = one_line(*PLACE, "--group", "ablaton")
    assert status == 1
    assert "no runs of the group ablaton" in line
    assert project.views == []


def test_several_reports_of_the_title_are_not_chosen_from(
    one_line: Callable[..., tuple[int, str]], project: Project
) -> None:
    project.views = [{"id": name, "displayName": "Mine", "spec": "{}"} for name in ("a", "b")]
    status, line = one_line(*PLACE, "--title", "Mine")
    assert status == 1
    assert "2 reports titled 'Mine'" in line
    assert len(project.views) == 2


def process(folder: Path, *start: str, **variables: str) -> str:
    """Runs the command in a process of its own, which must fail; gives the only line it prints."""
    command = [sys.executable, *start, "dashboard", *PLACE]
    nobody = {"HOME": str(folder), "NETRC": str(folder / "netrc")}
    done = subprocess.run(
        command, cwd=folder, env=environment() | nobody | variables, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_without_an_account_it_says_how_to_log_in(tmp_path: Path) -> None:
    assert "wandb login" in process(tmp_path, "-m", "igconv_sr")


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        variables = {"WANDB_BASE_URL": address, "WANDB_API_KEY": "0" * 40, "WANDB_HTTP_TIMEOUT": "2"}
        line = process(tmp_path, "-m", "igconv_sr", **variables)
    assert f"cannot be reached or refuses the report (Failed to verify credentials with {address}" in line
    assert "--dry-run" in line


def test_missing_package_is_one_line(tmp_path: Path) -> None:
    code = "import sys; sys.modules['wandb_workspaces'] = None; from igconv_sr.commands.cli import main; main()"
    line = process(tmp_path, "-c", code)
    assert "(extra: dashboard)" in line
    assert "pip install wandb-workspaces" in line
