"""The command: reads runs, writes the report."""

from collections.abc import Sequence
from pathlib import Path

import hydra
from omegaconf import DictConfig

from igconv_sr.commands.config import CONFIG_FOLDER, OUTPUTS
from igconv_sr.commands.launch import Launch
from igconv_sr.errors import InputError
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.render import write_report
from igconv_sr.report.sections import Builder
from igconv_sr.system.console import quieten, say


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="report")
def main(config: DictConfig) -> None:
    """Makes a report by a composed configuration.

    Raises:
        InputError: If there are no results, or a file of a run is damaged.
    """
    quieten()
    with Launch.current.job():
        given = config.runs is not None
        folders = [Path(folder).expanduser() for folder in config.runs] if given else default_folders()
        runs = read_runs(folders)
        if not runs.measured:
            places = ", ".join(map(str, folders if given else _DEFAULTS))
            raise InputError(
                f"no results.csv in or below {places}; train or evaluate a model first (make train, make sweep, make "
                "evaluate), or name the folders of runs with runs=[…]"
            )
        folder = Path(config.paths.output_dir)
        page, markdown = write_report(Builder(runs, config.crops).build(), folder)
        say(f"Page     {page}\nMarkdown {markdown}\nFigures  {folder / 'figures'}")
        say(f"Results in {folder}")


_DEFAULTS = (*(OUTPUTS / name for name in ("sweep", "train", "evaluate", "efficiency")), Path("experiments"))


def default_folders() -> Sequence[Path]:
    """Those of the current folder that commands write results into, as far as they are there."""
    return [folder for folder in _DEFAULTS if folder.is_dir()]
