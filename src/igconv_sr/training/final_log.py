"""Tells W&B and TensorBoard what a training was worth and what it cost."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger

from igconv_sr.data import Benchmark, BenchmarkImages
from igconv_sr.inference.settings import marks_of
from igconv_sr.metrics import ImageScore, mean_scores
from igconv_sr.runs.logged_names import CROPS, RESULTS, benchmark_score, cost_name
from igconv_sr.runs.results import FILE_NAME, MEASURES
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.training.callbacks.cost import Cost
from igconv_sr.training.callbacks.image_panels import CutOuts, cut_outs, image_loggers, log_row

_IMAGES = 4
"""Cut-outs per benchmark and scale: enough to look at, few enough for a browser."""

_CROPS_COLUMNS = ("benchmark", "image", "scale", *CutOuts._fields, "psnr_y", "bicubic_psnr_y", "gain")


class _Crop(NamedTuple):
    benchmark: str
    image: str
    scale: float
    images: CutOuts
    psnr: float
    bicubic_psnr: float


def log_final(
    trainer: Trainer,
    net: SuperResolver,
    benchmarks: Sequence[Benchmark],
    scores: Sequence[ImageScore],
    bicubic: Sequence[ImageScore],
    cost: Cost,
    folder: Path,
) -> None:
    """Logs results, cut-outs and cost, and ends the W&B run; rank 0 alone calls it.

    Args:
        trainer: Its loggers are used.
        net: The trained model, on the CPU.
        benchmarks: Where cut-outs are taken from.
        scores: Of the model's images there.
        bicubic: Of bicubic's.
        cost: Of the training.
        folder: Holds ``results.csv``.
    """
    loggers = image_loggers(trainer)
    crops = list(_crops(net, benchmarks, scores, bicubic)) if loggers else []
    params = sum(parameter.numel() for parameter in net.parameters())
    summary = _summary(scores, {"params": params, **asdict(cost)})
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.log_metrics({CROPS: _crops_table(crops), RESULTS: _results_table(folder)}, step=cost.steps)
            logger.experiment.summary.update(summary)
            logger.experiment.finish()
        else:
            for crop in crops:
                name = f"test/{crop.benchmark}/{crop.image}_x{crop.scale:g}"
                log_row(logger, name, crop.images.row, cost.steps)
            numbers = {name: value for name, value in summary.items() if not isinstance(value, str)}
            logger.log_metrics(numbers, cost.steps)
            logger.save()


def _summary(scores: Sequence[ImageScore], cost: Mapping[str, Any]) -> dict[str, Any]:
    """Single values of a run by name, such as ``test/Set5/psnr_y_x2`` and ``cost/train_seconds``."""
    means = {
        benchmark_score(score.benchmark, measure, score.scale, marks_of(score.protocol)): score.values[measure]
        for score in mean_scores(scores)
        for measure in MEASURES
    }
    return means | {cost_name(key): value for key, value in cost.items()}


def _crops(
    net: SuperResolver, benchmarks: Sequence[Benchmark], scores: Sequence[ImageScore], bicubic: Sequence[ImageScore]
) -> Iterator[_Crop]:
    scales = list(dict.fromkeys(score.scale for score in scores))
    psnr, plain = ({score[:3]: score.values["psnr_y"] for score in which} for which in (scores, bicubic))
    folded = net.fold(scales)
    for benchmark in benchmarks:
        for scale in scales:
            images = BenchmarkImages([benchmark], [scale])
            for number in range(min(_IMAGES, len(images))):
                item = images[number]
                key = (item.benchmark, item.name, item.scale)
                yield _Crop(*key, cut_outs(folded, item), psnr[key], plain[key])


def _crops_table(crops: Sequence[_Crop]) -> Any:
    import wandb  # many packages: imported only where it is chosen

    rows = [
        [
            crop.benchmark,
            crop.image,
            crop.scale,
            *(wandb.Image(image) for image in crop.images),
            crop.psnr,
            crop.bicubic_psnr,
            crop.psnr - crop.bicubic_psnr,
        ]
        for crop in crops
    ]
    return wandb.Table(columns=[*_CROPS_COLUMNS], data=rows)


def _results_table(folder: Path) -> Any:
    import wandb

    with (folder / FILE_NAME).open(newline="") as file:
        header, *rows = csv.reader(file)
    numbers = [header.index(name) for name in ("scale", "images", *MEASURES)]
    typed = [[float(value) if place in numbers else value for place, value in enumerate(row)] for row in rows]
    return wandb.Table(columns=[*header], data=typed)
