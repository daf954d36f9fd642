"""What a run was asked for, kept in its folder once that has been checked."""

from pathlib import Path

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from igconv_sr.commands.config import OVERRIDES
from igconv_sr.system.files import replacing


def save_configuration(config: DictConfig, folder: Path) -> None:
    """Writes ``config.yaml``, and the options that ``ckpt_path=last`` takes up again.

    Hydra would write the options before they are checked, so that a refused one came back with the next
    ``ckpt_path=last``.

    Args:
        config: Of the run.
        folder: Of the run.
    """
    with replacing(folder / "config.yaml") as partial:
        partial.write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    if HydraConfig.initialized():  # not where the training is called from Python
        with replacing(folder / OVERRIDES) as partial:
            partial.write_text(yaml.safe_dump(list(HydraConfig.get().overrides.task), allow_unicode=True))
