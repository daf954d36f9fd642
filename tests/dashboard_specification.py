"""Reads what ``igconv-sr dashboard --dry-run`` writes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from igconv_sr.dashboard.dashboard import main

PLACE = ("--entity", "lab", "--project", "sr")


def specification(folder: Path, *flags: str) -> dict[str, Any]:
    """The report as the command writes it into a folder."""
    file = folder / "report.json"
    main([*PLACE, "--dry-run", str(file), *flags])
    made: dict[str, Any] = json.loads(file.read_text())
    return made


def grids(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [block["metadata"] for block in made["blocks"] if block["type"] == "panel-grid"]


def panels(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for grid in grids(made) for panel in grid["panelBankSectionConfig"]["panels"]]


def logged_names(made: dict[str, Any]) -> set[str]:
    """Names of what runs log, wherever they stand in a report, its text included."""
    return set(re.findall(r"\b(?:trainer|train|valid|test|cost)/[\w/.]*\w", "\n".join(_strings(made))))


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _strings(inner)


def config_keys(made: dict[str, Any]) -> set[tuple[str, ...]]:
    """Keys of configurations that runs are grouped by; W&B keeps what is logged as ``part`` under ``part.value``."""
    keys = {key["name"] for grid in grids(made) for key in grid["runSets"][0]["grouping"] if key["section"] == "config"}
    assert all(key.split(".")[1] == "value" for key in keys)
    return {(part, *rest) for part, _, *rest in (key.split(".") for key in keys)}
