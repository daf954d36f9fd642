"""The trainer of a configuration, with all that a training calls."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig, OmegaConf

from igconv_sr.data import MixedScaleData
from igconv_sr.errors import refusing
from igconv_sr.network import SRNet
from igconv_sr.training.acceleration import accelerate
from igconv_sr.training.callbacks import (
    LAST,
    GracefulStop,
    LoggedSteps,
    StepSeed,
    TrainingCost,
    TrainingSettings,
    ValidationScores,
    WholeCheckpoints,
    checkpoints,
)


def make_trainer(
    config: DictConfig,
    data: MixedScaleData,
    net: SRNet,
    folder: Path,
    trained_with: Mapping[str, Any],
    first: Sequence[Callback] = (),
) -> Trainer:
    """The trainer of a configuration, with all that a training calls, writing into a folder.

    Args:
        config: Of the training.
        data: Of the training.
        net: What is trained.
        folder: Of the run.
        trained_with: Settings that every checkpoint keeps.
        first: Callbacks that stand before all others.
    """
    settings: Any = OmegaConf.to_container(config.trainer, resolve=True)
    shared = net.upsampler.shared_across_scales
    several = settings["devices"] not in (1, "1") or settings["num_nodes"] > 1
    if not shared and (settings["strategy"] == "ddp" or (settings["strategy"] == "auto" and several)):
        # A head per scale gets no gradient from a batch without that scale.
        settings["strategy"] = "ddp_find_unused_parameters_true"
    every_n_steps, compiled = settings.pop("checkpoint_every_n_steps"), settings.pop("compile")
    del settings["max_time"]  # its timer stands before the callbacks that save at the last step
    checkpoint_folder = folder / "checkpoints"
    # The scores stand before the average, whose weights they use until all are gathered; what ends a training stands
    # before what saves its last step.
    callbacks = [
        *first,
        LoggedSteps(),
        ValidationScores(),
        *_chosen(config),
        TrainingCost(),
        StepSeed(config.seed),
        *checkpoints(checkpoint_folder, data.scales, every_n_steps),
        GracefulStop(checkpoint_folder / f"{LAST}.ckpt"),
        TrainingSettings(trained_with),
    ]
    loggers = [instantiate(logger) for logger in config.logger.values()]
    with refusing("trainer"):
        trainer: Trainer = instantiate(
            settings,
            callbacks=callbacks,
            logger=loggers,
            plugins=[WholeCheckpoints()],
            default_root_dir=str(folder),
            max_epochs=-1,
            check_val_every_n_epoch=None,
            use_distributed_sampler=False,
            enable_model_summary=False,
        )
    accelerate(net, trainer, compiled)
    limit = 1.0 if settings.get("fast_dev_run") else trainer.limit_val_batches  # then no checkpoint is chosen by scores
    data.check_validations(trainer.world_size, limit)
    accumulate = data.accumulate(trainer.world_size)
    trainer.accumulate_grad_batches = accumulate
    if isinstance(trainer.val_check_interval, int):
        trainer.val_check_interval *= accumulate
    return trainer


def _chosen(config: DictConfig) -> Iterator[Callback]:
    """Those of the group ``callbacks``, in its order; null is none."""
    for name, callback in (config.get("callbacks") or {}).items():
        with refusing(f"callbacks.{name}"):
            made = instantiate(callback)
        if made is not None:
            yield made
