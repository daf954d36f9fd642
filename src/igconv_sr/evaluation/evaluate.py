"""``igconv-sr evaluate``: scores a checkpoint, bicubic or finished pictures on benchmarks."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class, instantiate
from lightning.pytorch import Trainer
from omegaconf import DictConfig

from igconv_sr.commands.config import CONFIG_FOLDER, key_of
from igconv_sr.commands.launch import Launch
from igconv_sr.commands.values import check_values
from igconv_sr.data import Benchmark, BenchmarkImages, find_benchmarks
from igconv_sr.errors import InputError, refusing
from igconv_sr.evaluation.benchmarks import check_distinct, evaluate
from igconv_sr.evaluation.finished_pictures import score_pictures
from igconv_sr.evaluation.printed_tables import print_scores
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import ImageScore, Protocol, find_protocol, mean_scores
from igconv_sr.metrics.perceptual import PerceptualMetrics
from igconv_sr.network import Bicubic
from igconv_sr.runs.results import FILE_NAME, PER_IMAGE, Source, source, write_results
from igconv_sr.scale import plain_scale
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.system.console import quieten, say
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load_with_remark

_DEVICES = ("accelerator", "devices", "strategy")
"""Keys of the trainer that an evaluation has."""


class Asked(NamedTuple):
    """What to score on.

    Attributes:
        benchmarks: Which images.
        scales: At which scales.
        protocol: How they are compared.
    """

    benchmarks: Sequence[Benchmark]
    scales: Sequence[float]
    protocol: Protocol


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="evaluate")
def main(config: DictConfig) -> None:
    """Evaluates by a composed configuration.

    Raises:
        InputError: If there is nothing to evaluate, or a benchmark, scale or checkpoint does not fit.
    """
    quieten()
    with Launch.current.job():
        check_values(config)
        _check_trainer_keys()
        if config.weights_of is not None and config.ckpt_path is None:
            raise InputError(f"weights_of={config.weights_of} chooses from a checkpoint; give ckpt_path too")
        folder = Path(config.paths.output_dir)
        if (folder / FILE_NAME).exists():
            raise InputError(f"{folder} already holds results; choose another paths.output_dir")
        if not config.scales:
            raise InputError("no scale given; give scales=[2,3,4]")
        if not config.benchmarks:
            raise InputError("no benchmark given; add benchmarks=[/path/to/Set5], folders that hold HR/")
        inference = Inference(config.self_ensemble, config.tile, config.tile_overlap)
        asked = Asked(
            [found for place in config.benchmarks for found in find_benchmarks(Path(place).expanduser())],
            [plain_scale(scale) for scale in config.scales],
            find_protocol(config.protocol).marked(inference.marks),
        )
        check_distinct(asked.benchmarks, asked.scales)
        images = BenchmarkImages(asked.benchmarks, asked.scales, lr_kernel=asked.protocol.lr_kernel)
        images.check(asked.protocol.least_side)
        scored = (_pictures if config.sr is not None else _model)(config, asked, inference)
        if scored is None:
            return
        scores, made_by = scored
        write_results(scores, made_by, asked.benchmarks, folder)
        print_scores(made_by.title, asked.protocol.name, mean_scores(scores))
        say(f"Means     {folder / FILE_NAME}\nPer image {folder / PER_IMAGE}")
        say(f"Results in {folder}")


def _check_trainer_keys() -> None:
    for option in HydraConfig.get().overrides.task:
        group, _, key = key_of(option).partition(".")
        if group == "trainer" and key and key not in _DEVICES:
            raise InputError(
                f"trainer.{key}: an evaluation is always in full precision, and has of the trainer only "
                f"{', '.join(_DEVICES)}; leave it out"
            )


def _pictures(config: DictConfig, asked: Asked, inference: Inference) -> tuple[list[ImageScore], Source]:
    if config.ckpt_path is not None or "model" in config or inference != Inference():
        raise InputError("sr: pictures are finished; leave out ckpt_path, model, self_ensemble and tiles")
    folder = Path(config.sr).expanduser()
    images = score_pictures(folder, *asked, PerceptualMetrics(list(config.metrics)))
    made_by = source(None, 0, asked.protocol.name, str(folder))
    return images, dataclasses.replace(made_by, model=folder.resolve().name)


def _model(config: DictConfig, asked: Asked, inference: Inference) -> tuple[list[ImageScore], Source] | None:
    """Scores a model; None on ranks that have nothing to write."""
    net, card = _loaded(config)
    with refusing("trainer"):
        trainer = Trainer(
            **{key: config.trainer[key] for key in _DEVICES},
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    images = evaluate(net, asked.benchmarks, asked.scales, trainer, asked.protocol, inference, list(config.metrics))
    if not trainer.is_global_zero:
        return None
    params = sum(p.numel() for p in net.parameters())
    return images, source(card, params, asked.protocol.name, str(config.ckpt_path or ""), config.weights_of)


def _loaded(config: DictConfig) -> tuple[SuperResolver, ModelCard | None]:
    if config.ckpt_path is not None:
        # Naming a class is trusting it; the checkpoint alone may not choose what is imported.
        named = get_class(config.model._target_) if "model" in config else None
        net, card, remark = load_with_remark(config.ckpt_path, weights_of=config.weights_of)
        if named is not None and not isinstance(net.encoder, named):
            choice = HydraConfig.get().runtime.choices["model"]
            raise InputError(f"model={choice}: {config.ckpt_path} is of {card.model}; leave out one of the two")
        if remark:
            say(f"{config.ckpt_path} holds {remark}")
        return net, card
    net = instantiate(config.get("model"))
    if not isinstance(net, Bicubic):
        raise InputError(
            "there is nothing to evaluate; give ckpt_path=/path/to/last.ckpt, model=bicubic, or sr=/folder/of/pictures"
        )
    return net, None
