"""Loggers that need more than a line of configuration."""

import netrc
import os
from pathlib import Path

from lightning.pytorch.loggers import WandbLogger

from igconv_sr.console import say


def wandb_logger(project: str, save_dir: str, name: str, group: str | None = None) -> WandbLogger:
    """W&B, online where an account is configured, offline otherwise; says which.

    Args:
        project: W&B project.
        save_dir: Folder of the run's files.
        name: Name of the run.
        group: Runs of one sweep share a group.
    """
    offline = os.environ.get("WANDB_MODE", "online" if _has_account() else "offline") != "online"
    if offline:
        say(f"W&B: offline, into {save_dir}/wandb; upload with `wandb sync`, or log in with `wandb login`")
    else:
        say(f"W&B: online, project {project}")
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    return WandbLogger(project=project, save_dir=save_dir, name=name, group=group, offline=offline)


def _has_account() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].split("/")[0]
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
