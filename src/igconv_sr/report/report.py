"""The command: reads runs, writes one page that needs nothing else, Markdown, and the figures beside it."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path

import hydra
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from omegaconf import DictConfig

from igconv_sr.commands.config import CONFIG_FOLDER, OUTPUTS
from igconv_sr.commands.launch import Launch
from igconv_sr.errors import InputError
from igconv_sr.report.document import Heading, Report, TableCell
from igconv_sr.report.found_runs import read_runs
from igconv_sr.report.sections import Builder
from igconv_sr.system.console import quieten, say
from igconv_sr.system.files import replacing

PAGE = "index.html"
MARKDOWN = "report.md"
FIGURES = "figures"
_FIGURE = re.compile(rf"\]\({FIGURES}/([a-z0-9-]+)\.png\)")
_SPECIAL = re.compile(r"([\\`*_\[\]|~$<>&]|^[-+#](?=\s))")
_DEFAULTS = (*(OUTPUTS / name for name in ("sweep", "train", "evaluate", "efficiency")), Path("experiments"))


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


def default_folders() -> Sequence[Path]:
    """Those of the current folder that commands write results into, as far as they are there."""
    return [folder for folder in _DEFAULTS if folder.is_dir()]


def write_report(report: Report, folder: Path) -> list[Path]:
    """Writes everything into a folder, each file whole or not at all; figures of a former report there are removed.

    Returns:
        The files to look at.
    """
    environment = _environment()
    page = environment.get_template("report.html.j2").render(report=report)
    markdown = environment.get_template("report.md.j2").render(report=report)
    former = _former_figures(folder)
    for picture in report.pictures:
        for suffix, content in (("png", picture.png), ("pdf", picture.pdf)):
            _write(folder / FIGURES / f"{picture.name}.{suffix}", content)
    _write(folder / MARKDOWN, (re.sub(r"\n{3,}", "\n\n", markdown).strip() + "\n").encode())
    _write(folder / PAGE, page.encode())
    for name in former - {picture.name for picture in report.pictures}:
        for suffix in ("png", "pdf"):
            (folder / FIGURES / f"{name}.{suffix}").unlink(missing_ok=True)
    return [folder / PAGE, folder / MARKDOWN]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("igconv_sr.report", "."),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": _data_uri, "escaped": escaped, "marked": _marked, "headed": _headed}
    return environment


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(content)


def _former_figures(folder: Path) -> set[str]:
    """Figures that the report which lies there refers to: no other files are touched."""
    markdown = folder / MARKDOWN
    return set(_FIGURE.findall(markdown.read_text(errors="replace"))) if markdown.is_file() else set()


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def escaped(text: str) -> str:
    r"""A text that Markdown shows as it is.

    Example:
        >>> print(escaped("a_b | <c>"))
        a\_b \| \<c\>
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _marked(cell: TableCell) -> str:
    mark = f"{cell.mark.glyph} " if cell.mark else ""
    text = mark + {0: "{}", 1: "**{}**", 2: "<u>{}</u>"}[cell.rank].format(escaped(cell.text))
    return f"{text}<br>{escaped(cell.note)}" if cell.note else text


def _headed(heading: Heading) -> str:
    return escaped(f"{heading.group}: {heading.name}" if heading.group else heading.name)
