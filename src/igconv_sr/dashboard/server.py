"""W&B's server: looks for the runs and for the report of an earlier call, and saves the report."""

import wandb
import wandb_workspaces.reports.v2 as wr
from wandb.sdk.lib.service.service_connection import WandbApiFailedError

from igconv_sr.errors import InputError


def save(report: wr.Report, group: str | None) -> bool:
    """Saves a report in place of the one of the same title, or as a new one.

    Args:
        report: Gets the id that it has on the server.
        group: The only group of runs that it shows; None for all.

    Returns:
        Whether it is new.

    Raises:
        InputError: If W&B cannot be reached or refuses, there are no such runs, or several reports of this title.
    """
    try:
        api = wandb.Api()
        _check_runs(api, report, group)
        report.id = _known_id(api, report)
        is_new = not report.id
        report.save()
    except wandb.errors.UsageError as error:
        raise InputError(f"W&B does not know you ({error}); log in with: wandb login") from error
    except (wandb.errors.Error, WandbApiFailedError) as error:
        raise InputError(
            f"W&B cannot be reached or refuses the report ({error}); --dry-run FILE.json writes it here instead"
        ) from error
    return is_new


def _check_runs(api: wandb.Api, report: wr.Report, group: str | None) -> None:
    """A report of nothing is a mistake in a name; W&B would even make a project of it."""
    path = f"{report.entity}/{report.project}"
    try:
        count = len(api.runs(path, filters={"group": group} if group else None, per_page=1))
    except ValueError as error:
        raise InputError(f"there is no project {path} in W&B ({error}); runs with logger=wandb make it") from error
    if count == 0:
        of_group = f" of the group {group}" if group else ""
        raise InputError(f"the project {path} has no runs{of_group}; upload offline ones with: wandb sync FOLDER/wandb")


def _known_id(api: wandb.Api, report: wr.Report) -> str:
    """The id of the report with this title; empty if there is none.

    All reports are looked through: the server's own filter knows internal names, not titles.
    """
    path = f"{report.entity}/{report.project}"
    known = [found.id for found in api.reports(path) if found.display_name == report.title]
    if len(known) > 1:
        raise InputError(f"{path} has {len(known)} reports titled {report.title!r}; rename or remove all but one")
    return known[0] if known else ""
