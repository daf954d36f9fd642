"""``igconv-sr evaluate``: scores a checkpoint or bicubic on benchmarks."""

from pathlib import Path

import hydra
from hydra.utils import get_class, instantiate
from lightning.pytorch import Trainer
from omegaconf import DictConfig

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.launch import Launch
from igconv_sr.commands.values import check_values
from igconv_sr.data import find_benchmarks
from igconv_sr.errors import InputError
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.evaluation.printed_tables import print_scores
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import find_protocol, mean_scores
from igconv_sr.network import Bicubic
from igconv_sr.runs.results import FILE_NAME, PER_IMAGE, source, write_results
from igconv_sr.scale import plain_scale
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.system.console import quieten, say
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load_with_remark


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="evaluate")
def main(config: DictConfig) -> None:
    """Evaluates by a composed configuration.

    Raises:
        InputError: If there is nothing to evaluate, or a benchmark, scale or checkpoint does not fit.
    """
    quieten()
    with Launch.current.job():
        check_values(config)
        scales = [plain_scale(scale) for scale in config.scales]
        inference = Inference(config.self_ensemble, config.tile, config.tile_overlap)
        protocol = find_protocol(config.protocol).marked(inference.marks)
        if not scales:
            raise InputError("no scale given; give scales=[2,3,4]")
        if not config.benchmarks:
            raise InputError("no benchmark given; add benchmarks=[/path/to/Set5], folders that hold HR/")
        benchmarks = [
            benchmark for folder in config.benchmarks for benchmark in find_benchmarks(Path(folder).expanduser())
        ]
        net, card = _model(config)
        trainer = Trainer(
            accelerator=config.trainer.accelerator,
            devices=config.trainer.devices,
            strategy=config.trainer.strategy,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        images = evaluate(net, benchmarks, scales, trainer, protocol, inference, list(config.metrics))
        if not trainer.is_global_zero:
            return
        folder = Path(config.paths.output_dir)
        params = sum(p.numel() for p in net.parameters())
        made_by = source(card, params, protocol.name, str(config.ckpt_path or ""), config.weights_of)
        write_results(images, made_by, benchmarks, folder)
        print_scores(made_by.title, protocol.name, mean_scores(images))
        say(f"Means     {folder / FILE_NAME}\nPer image {folder / PER_IMAGE}")
        say(f"Results in {folder}")


def _model(config: DictConfig) -> tuple[SuperResolver, ModelCard | None]:
    if config.ckpt_path is not None:
        if "model" in config:
            # Naming a class is trusting it; the checkpoint alone may not choose what is imported.
            get_class(config.model._target_)
        net, card, remark = load_with_remark(config.ckpt_path, weights_of=config.weights_of)
        if remark:
            say(f"{config.ckpt_path} holds {remark}")
        return net, card
    net = instantiate(config.get("model"))
    if not isinstance(net, Bicubic):
        raise InputError("there is nothing to evaluate; give ckpt_path=/path/to/last.ckpt, or model=bicubic")
    return net, None
