"""``--help`` of the commands that take keys: their file of configuration with its comments, choices, and all keys."""

import re
import shutil
import textwrap
from collections.abc import Sequence

import yaml

from igconv_sr.commands.config import CONFIG_FOLDER, is_choice, key_of

_NO_GROUP = re.compile(r"#|defaults:$|  - (_self_|paths:|optional |override )")


def help_text(command: str, name: str, summary: str, overrides: Sequence[str]) -> str:
    """What ``--help`` prints.

    Args:
        command: As typed.
        name: Of its configuration.
        summary: What the command does.
        overrides: Of them, choices of groups change the keys that are shown.
    """
    text = (CONFIG_FOLDER / f"{name}.yaml").read_text().partition("\nhydra:")[0]
    defaults, _, keys = text.partition("\n\n")
    groups = [line.removeprefix("  - ") for line in defaults.splitlines() if not _NO_GROUP.match(line)]
    names = [line.partition(":")[0] for line in groups]
    parts = [f"Usage: igconv-sr {command} {'[group=choice] ' if groups else ''}[key=value …]", summary]
    if groups:
        parts += ["Groups, with their defaults:\n" + _indented(groups), "Choices:\n" + _indented(_choices(names))]
    parts.append("Keys, with their defaults:\n" + _indented(keys.strip().splitlines()))
    chosen = [override for override in overrides if is_choice(override) and key_of(override) in names]
    of_groups = _keys_of_groups(name, chosen, {"published", *yaml.safe_load(text)})
    if of_groups:
        parts.append("Keys of the chosen groups:\n" + _indented(of_groups))
    return "\n\n".join(parts)


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _choices(groups: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for group in groups:
        for folder in (CONFIG_FOLDER / group, *sorted((CONFIG_FOLDER / group).glob("*/"))):
            names = ", ".join(sorted(path.stem for path in folder.glob("[!_]*.yaml")))
            name = folder.relative_to(CONFIG_FOLDER).as_posix()
            width = max(shutil.get_terminal_size((120, 0)).columns - 2, 40)
            if names != "default":
                lines += textwrap.wrap(f"{name}: {names}", width, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _keys_of_groups(name: str, choices: Sequence[str], shown: set[str]) -> list[str]:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose(name, overrides=list(choices))
    return OmegaConf.to_yaml(
        OmegaConf.masked_copy(config, [str(key) for key in config if key not in shown])
    ).splitlines()
