"""``igconv-sr sweep``: trains every cell of a grid, each in a folder of its own."""

import hydra

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.sweep.job import run_cell

main = hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="train")(run_cell)
