"""Hydra's grid sweeper, for cells that are skipped when finished and continued when interrupted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser


@dataclass
class CellSweeperConfig:
    """Configuration of :class:`CellSweeper`.

    Attributes:
        params: Keys and their comma-separated values; the command line wins over them.
        retry_failed: Whether cells that failed are started again.
    """

    _target_: str = "hydra_plugins.igconv_sr_cells.cell_sweeper.CellSweeper"
    params: dict[str, str] | None = None
    retry_failed: bool = False


ConfigStore.instance().store(group="hydra/sweeper", name="cells", node=CellSweeperConfig, provider="igconv_sr")


class CellSweeper(BasicSweeper):
    """Makes cells of the grid and hands to Hydra's launcher those that are to be trained.

    Args:
        params: See :class:`CellSweeperConfig`.
        retry_failed: See :class:`CellSweeperConfig`.
    """

    def __init__(self, params: dict[str, str] | None, retry_failed: bool) -> None:
        super().__init__(max_batch_size=None, params=params)
        self.retry_failed = retry_failed

    def sweep(self, arguments: list[str]) -> Any:
        """Trains the cells and shows their results.

        Raises:
            InputError: If a cell failed.
        """
        from igconv_sr.sweep.grid import sweep

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.launcher is not None
        sweep(self.config, self.hydra_context, self.launcher, self._grid(arguments), self.retry_failed)

    def _grid(self, arguments: list[str]) -> tuple[Sequence[Sequence[str]], frozenset[str]]:
        """Overrides of each cell, and the keys that have several values."""
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        # An experiment that stands for several others names them in its params; of other keys the command line wins.
        others = "experiment" in self.params
        given = [argument for argument in arguments if not (others and argument.startswith("experiment="))]
        overrides = parser.parse_overrides([*self._parse_config(), *given])
        overrides.sort(key=lambda override: override.key_or_group != "seed")  # whole comparisons of one seed first
        (grid,) = self.split_arguments(overrides, None)
        columns = zip(*grid, strict=True)
        several = {column[0].partition("=")[0] for column in columns if len(set(column)) > 1}
        return grid, frozenset(several)
