"""Runs a few steps of a training as the command runs them, for those who measure it."""

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from lightning.pytorch import Callback, seed_everything

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.data import MixedScaleData
from igconv_sr.training.optim import optimizer_of
from igconv_sr.training.resume import settings_of
from igconv_sr.training.task import SuperResolution
from igconv_sr.training.train import make_card
from igconv_sr.training.trainer import make_trainer


def run_training(overrides: Sequence[str], watcher: Callback) -> None:
    """Trains on the sample photographs: data, logging, average and checkpoints included, without validation.

    Args:
        overrides: ``key=value`` of ``igconv-sr train``; ``model=…`` comes first.
        watcher: A callback that comes before all others.
    """
    model = overrides[0].partition("=")[2]
    with tempfile.TemporaryDirectory() as folder:
        own = [
            *("upsampler=igconv_plus", f"run.model={model}", "run.upsampler=igconv_plus", "optim.ema_decay=0.999"),
            *(f"paths.output_dir={folder}", "+trainer.num_sanity_val_steps=0", "+trainer.limit_val_batches=0"),
        ]
        within_command = GlobalHydra.instance().is_initialized()
        with nullcontext() if within_command else initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            config = compose("train", [*own, *overrides])
        seed_everything(config.seed, verbose=False)
        data: MixedScaleData = instantiate(config.data)
        card = make_card(config, data)
        net = card.build()
        trainer = make_trainer(config, data, net, Path(folder), settings_of(config, data))
        trainer.callbacks.insert(0, watcher)  # type: ignore[attr-defined]  # set out of mypy's sight
        task = SuperResolution(
            net,
            card,
            instantiate(config.loss),
            partial(optimizer_of, optimizer=instantiate(config.optim.optimizer)),
            instantiate(config.optim.scheduler),
            config.trainer.log_every_n_steps,
        )
        trainer.fit(task, data)
