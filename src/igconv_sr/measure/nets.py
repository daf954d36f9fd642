"""Networks as the configuration has them."""

from collections.abc import Sequence
from contextlib import nullcontext

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.network import SRNet

UPSAMPLERS = ("spconv", "spconv_plus", "igconv", "igconv_plus")
"""All upsamplers."""


def build(model: str, upsampler: str, scales: Sequence[int] = (2, 3, 4)) -> SRNet:
    """The network of ``model=… upsampler=…`` for some scales, with fresh weights."""
    within_command = GlobalHydra.instance().is_initialized()
    with nullcontext() if within_command else initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", [f"model={model}", f"upsampler={upsampler}"])
    return SRNet(instantiate(config.model), instantiate(config.upsampler), scales)


def model_names() -> list[str]:
    """All models that can be trained."""
    return sorted(path.stem for path in (CONFIG_FOLDER / "model").glob("*.yaml") if path.stem != "bicubic")
