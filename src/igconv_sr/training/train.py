"""``igconv-sr train``: trains one network for all scales, then shows what it is worth."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.utils import get_class, instantiate
from lightning.pytorch import Trainer, seed_everything
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.launch import Launch
from igconv_sr.commands.values import check_values
from igconv_sr.data import Benchmark, BenchmarkImages, MixedScaleData, find_benchmarks
from igconv_sr.errors import InputError, NonFiniteError, refusing
from igconv_sr.evaluation.after_training import PICTURE, WEIGHTS, evaluate_trained
from igconv_sr.evaluation.benchmarks import check_distinct
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import STANDARD
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.runs.training_keys import OWN_SCHEDULE
from igconv_sr.scale import plain_scale
from igconv_sr.system.console import is_first_rank, quieten, say
from igconv_sr.system.lock import alone
from igconv_sr.training.callbacks import (
    LAST,
    TimeLimit,
    TrainingCost,
)
from igconv_sr.training.callbacks.cost import FILE_NAME as COST
from igconv_sr.training.callbacks.first_step import KeptConfiguration, leaving_nothing
from igconv_sr.training.final_log import log_final
from igconv_sr.training.optim import learning_rate_schedule, optimizer_of
from igconv_sr.training.resume import check_continuing, settings_of
from igconv_sr.training.stages import train_in_stages
from igconv_sr.training.task import SuperResolution
from igconv_sr.training.trainer import make_trainer
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.initial_weights import start_from

_OWN_SETTINGS = {
    "limit_train_batches": "its length is trainer.max_steps",
    "overfit_batches": "its length is trainer.max_steps",
    "max_epochs": "its length is trainer.max_steps",
    "min_epochs": "its length is trainer.max_steps",
    "check_val_every_n_epoch": "trainer.val_check_interval counts optimiser steps",
    "callbacks": "yours stand in +callbacks.NAME={_target_: package.Class}",
    "logger": "choose one by logger=wandb or logger=[wandb,tensorboard]",
    "default_root_dir": "the folder is paths.output_dir",
    "accumulate_grad_batches": "it follows from data.global_batch_size and data.max_batch_per_device",
    "use_distributed_sampler": "devices share the rows of each batch",
    "reload_dataloaders_every_n_epochs": "its data never end",
    "enable_model_summary": "the line that begins with Model: takes its place",
    "plugins": "how it writes checkpoints is one of them",
}
"""Keys of Lightning's trainer that are settled elsewhere, and where."""


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="train")
def main(config: DictConfig) -> None:
    """Trains by a composed configuration."""
    with Launch.current.job():
        _take_up(config)
        _check(config)
        if config.stages is None:
            train(config)
        else:
            train_in_stages(config)


def train(config: DictConfig) -> None:
    """Trains, evaluates on images not trained on, and writes everything into ``paths.output_dir``.

    Raises:
        InputError: If the configuration asks for something impossible.
        NonFiniteError: If the loss or the weights became NaN or infinite.
    """
    quieten()
    folder = Path(config.paths.output_dir)
    kept = KeptConfiguration(config, folder)
    with _alone(folder), leaving_nothing(folder, lambda: kept.is_kept):
        _train(config, folder, kept)


def _train(config: DictConfig, folder: Path, kept: KeptConfiguration) -> None:
    limit = None if config.trainer.max_time is None else TimeLimit(config.trainer.max_time)
    optimizer, schedule = _optimisation(config, limit)
    seed_everything(config.seed, workers=True, verbose=False)
    data: MixedScaleData = instantiate(config.data)
    further_scales = [scale for scale in map(plain_scale, config.further_scales) if scale not in data.scales]
    scales = [*data.scales, *further_scales]
    benchmarks = _benchmarks(config, data, scales)
    say(data.describe())
    card = make_card(config, data)
    last = folder / "checkpoints" / f"{LAST}.ckpt"
    resume = last if config.ckpt_path == LAST else config.ckpt_path
    settings = settings_of(config, data)
    if resume is not None:
        check_continuing(Path(resume), card, settings, config.trainer.max_steps, in_its_folder=resume == last)
    with refusing("model, upsampler: no network can be made of these values"):
        net = card.build()
    inference = Inference(tile=config.tile, tile_overlap=config.tile_overlap)
    inference.wrap(net)  # tells a wrong size of tiles before the training
    if config.weights is not None and config.ckpt_path is None:
        start_from(net, card, config.weights, config.weights_strict)
    task = SuperResolution(
        net,
        card,
        instantiate(config.loss),
        optimizer,
        schedule,
        config.trainer.log_every_n_steps,
        inference,
    )
    data.setup("fit")  # tells images that are too small or damaged before loggers start
    scored = scales if net.upsampler.shared_across_scales else data.scales
    BenchmarkImages(benchmarks, scored, lr_kernel=STANDARD.lr_kernel).check(STANDARD.least_side)
    first = [kept] if limit is None else [kept, limit]
    trainer = make_trainer(config, data, net, folder, settings, first)
    _announce(card, net, data, trainer)
    try:
        trainer.fit(task, data, ckpt_path=resume, weights_only=True)
    except NonFiniteError as error:
        where = f"the last good checkpoint is {last}" if last.is_file() else "no checkpoint had been written yet"
        raise NonFiniteError(f"{error}; {where}") from error
    if not last.is_file():
        raise InputError(
            "no step was made, so that there is nothing to score: trainer.max_time is used up, or one of callbacks "
            "ended the training before its first step"
        )
    kept.keep(trainer)  # where a checkpoint of the last step left no step to train
    _finish(trainer, benchmarks, data.scales, further_scales, last, inference)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps a second training out of the folder, which would overwrite the files of this one."""
    if not is_first_rank():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone(folder / "training.lock"))
        except BlockingIOError as error:
            raise InputError(
                f"another process is training into {folder}; wait until it ends, or choose another paths.output_dir"
            ) from error
        yield


def _benchmarks(config: DictConfig, data: MixedScaleData, scales: Sequence[float]) -> list[Benchmark]:
    """The validation images and the benchmarks asked for; a mistake in these is told before the training."""
    further = [found for folder in config.benchmarks for found in find_benchmarks(Path(folder).expanduser())]
    benchmarks = [data.benchmark, *further]
    check_distinct(benchmarks, scales)
    return benchmarks


def _take_up(config: DictConfig) -> None:
    """Has a job that Slurm has queued again, with the options of its start, go on with its training."""
    is_requeued = os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
    if is_requeued and config.ckpt_path is None and any(path.is_file() for path in _last_checkpoints(config)):
        config.ckpt_path = LAST


def _last_checkpoints(config: DictConfig) -> list[Path]:
    """Where the checkpoints to continue from lie once there are any: one, or that of each stage."""
    folder = Path(config.paths.output_dir)
    runs = [folder / str(name) for name in config.stages] if isinstance(config.stages, DictConfig) else [folder]
    return [run / "checkpoints" / f"{LAST}.ckpt" for run in runs]


def _check(config: DictConfig) -> None:
    if own := sorted(config.trainer.keys() & _OWN_SETTINGS.keys()):
        raise InputError(f"trainer.{own[0]} is none of the keys of a training; {_OWN_SETTINGS[own[0]]}")
    if config.trainer.max_time is not None:
        TimeLimit(config.trainer.max_time)
    check_values(config)
    if config.trainer.precision in ("bf16-true", "16-true"):
        mixed = str(config.trainer.precision).replace("true", "mixed")
        raise InputError(
            f"trainer.precision={config.trainer.precision}: weights of half precision lose small steps; choose {mixed}"
        )
    if not config.get("logger"):
        raise InputError("logger: a training logs by one at least; leave logger out for csv")
    if config.optim.ema_decay is not None and (config.get("callbacks") or {}).get("ema") is None:
        raise InputError(
            f"optim.ema_decay={config.optim.ema_decay} has no effect without callbacks.ema; null: no average"
        )
    if config.ckpt_path is not None and Path(config.ckpt_path).is_dir():
        raise InputError(f"ckpt_path={config.ckpt_path} is a folder; give a checkpoint in it: checkpoints/last.ckpt")
    if config.ckpt_path not in (None, LAST) and not Path(config.ckpt_path).is_file():
        raise InputError(f"ckpt_path={config.ckpt_path} does not exist; ckpt_path=last continues the newest run")
    if config.ckpt_path not in (None, LAST) and config.stages is not None:
        raise InputError("ckpt_path: a training in stages continues with ckpt_path=last; weights= starts one anew")
    last = _last_checkpoints(config)
    is_begun = any(path.is_file() for path in last)
    if config.ckpt_path == LAST and not is_begun:
        raise InputError(f"ckpt_path=last: there is no {last[0]} to continue; leave ckpt_path out to start anew")
    if config.ckpt_path != LAST and is_begun:
        raise InputError(
            f"{config.paths.output_dir} already holds a training; continue it with ckpt_path=last, or choose another "
            "paths.output_dir"
        )
    if config.model.get("_target_") == f"{Bicubic.__module__}.{Bicubic.__name__}":
        raise InputError("model=bicubic has nothing to train; evaluate it: igconv-sr evaluate model=bicubic")


def make_card(config: DictConfig, data: MixedScaleData) -> ModelCard:
    """What checkpoints say of the network of a configuration."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    for part in ("model", "upsampler"):
        with refusing(f"{part}._target_={plain[part]['_target_']}"):
            get_class(plain[part]["_target_"])  # a class of the user's own has to be imported to be trusted
    return ModelCard(
        encoder=plain["model"],
        upsampler=plain["upsampler"],
        scales=list(data.scales),
        model=plain["run"]["model"],
        upsampler_name=plain["run"]["upsampler"],
        train_data=data.train_data,
        seed=plain["seed"],
    )


def _optimisation(
    config: DictConfig, limit: TimeLimit | None
) -> tuple[Callable[[SRNet], Optimizer], Callable[[Optimizer], LRScheduler]]:
    """Optimiser and schedule of the configuration; what they refuse is told before anything is built."""
    optimizer: partial[Optimizer] = instantiate(config.optim.optimizer)
    schedule = _schedule(config, limit)
    with refusing("optim.optimizer"):
        made = optimizer([nn.Parameter(torch.zeros(1))])
    with refusing("optim.scheduler"):
        schedule(made)
    encoder = {name: config.optim[name] for name in ("encoder_lr_factor", "encoder_frozen_steps")}
    if encoder["encoder_frozen_steps"] is not None and config.optim.scheduler._target_ != OWN_SCHEDULE:
        raise InputError(f"optim.encoder_frozen_steps needs the schedule of this package, {OWN_SCHEDULE}")
    return partial(optimizer_of, optimizer=optimizer, **encoder), schedule


def _schedule(config: DictConfig, limit: TimeLimit | None) -> Callable[[Optimizer], LRScheduler]:
    """The schedule of the configuration; the one of this package also fits into a limited time."""
    schedule: partial[LRScheduler] = instantiate(config.optim.scheduler)
    if schedule.func is not learning_rate_schedule:
        return schedule
    if config.ckpt_path is not None:  # stopped while it warmed up, a training still has results
        warmup_steps = schedule.keywords.get("warmup_steps", 0)
        schedule = partial(schedule, max_steps=max(schedule.keywords["max_steps"], warmup_steps + 1))
    return schedule if limit is None else partial(schedule, time_gone=limit.share)


def _announce(card: ModelCard, net: SRNet, data: MixedScaleData, trainer: Trainer) -> None:
    params = sum(parameter.numel() for parameter in net.parameters())
    scales = ", ".join(f"×{scale:g}" for scale in data.scales)
    devices = f"{trainer.world_size} × {type(trainer.accelerator).__name__.removesuffix('Accelerator')}"
    made = "" if data.train_data == data.dataset_name else f" made by {data.degradation_name}"
    say(f"Model: {card.model} + {card.upsampler_name}, {params:,} parameters, for {scales}")
    say(
        f"Steps: {trainer.max_steps} of {data.global_batch_size} patches of {data.lr_patch_size}×{data.lr_patch_size} "
        f"LR pixels{made}, on {devices}"
    )


def _finish(
    trainer: Trainer,
    benchmarks: Sequence[Benchmark],
    scales: Sequence[float],
    further_scales: Sequence[float],
    checkpoint: Path,
    inference: Inference,
) -> None:
    """Says what the network of the last step is worth and what it has cost."""
    folder = checkpoint.parents[1]
    worth = evaluate_trained(checkpoint, benchmarks, scales, further_scales, trainer, inference)
    if worth is None:
        return
    callbacks = trainer.callbacks  # type: ignore[attr-defined]  # set out of mypy's sight
    cost = next(callback.cost for callback in callbacks if isinstance(callback, TrainingCost))
    cost.write(folder)
    log_final(trainer, worth.net, benchmarks, worth.scores, worth.bicubic, cost, folder)
    say(
        f"Checkpoint   {checkpoint}\nWeights      {folder / WEIGHTS}\nSide by side {folder / PICTURE}\n"
        f"Cost         {folder / COST}\nResults in {folder}"
    )
