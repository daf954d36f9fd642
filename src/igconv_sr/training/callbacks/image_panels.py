"""Cut-outs for W&B and TensorBoard, and the callback that sends a row of them per scale after each validation."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor

from igconv_sr.data import BenchmarkItem
from igconv_sr.data.batches.named_degradation import kind_of
from igconv_sr.functional.imresize import imresize
from igconv_sr.functional.paired_size import larger, paired_size
from igconv_sr.inference.settings import Inference, within_memory
from igconv_sr.runs.logged_names import valid_images
from igconv_sr.scale import nearest_ratio
from igconv_sr.super_resolver import SuperResolver

_SIDE = 192
"""HR pixels of a cut-out."""

ERROR_GAIN = 4
"""How many times brighter than it is the error is shown."""


class CutOuts(NamedTuple):
    """The middle of one image, each (3,side,side) in [0,1] on the CPU.

    Attributes:
        lr: LR, its pixels repeated.
        bicubic: LR enlarged by MATLAB's bicubic.
        sr: The model's.
        hr: The truth.
        error: |SR - HR|, ``ERROR_GAIN`` times.
    """

    lr: Tensor
    bicubic: Tensor
    sr: Tensor
    hr: Tensor
    error: Tensor

    @property
    def row(self) -> Tensor:
        """All beside each other: (3,side,5·side)."""
        return torch.cat(self, dim=-1)


@torch.no_grad()
def cut_outs(net: SuperResolver, item: BenchmarkItem) -> CutOuts:
    """Cuts the middle out of an image.

    Args:
        net: The model, which sees the cut-out alone, in tiles if memory is not enough for it.
        item: The image, on the model's device.
    """
    scale, q = item.scale, nearest_ratio(item.scale).q
    side, _ = paired_size(_SIDE, scale)
    top, left = (max(size - side, 0) // 2 // q * q for size in item.lr.shape[-2:])
    lr = item.lr[..., top : top + side, left : left + side] / 255
    start, end = ([larger(first + reach, scale) for first in (top, left)] for reach in (0, side))
    hr = item.hr[..., start[0] : end[0], start[1] : end[1]] / 255
    nearest = F.interpolate(lr, hr.shape[-2:], mode="nearest-exact")
    size = lr.shape[-2], lr.shape[-1]
    sr, _ = within_memory(lambda way: way.wrap(net)(lr, scale), Inference(), size, item.title)
    sr = sr.float().clamp(0, 1)
    images = (nearest, imresize(lr, scale), sr, hr, (sr - hr).abs() * ERROR_GAIN)
    return CutOuts(*(image[0].float().clamp(0, 1).cpu() for image in images))


def image_loggers(trainer: Trainer) -> list[WandbLogger | TensorBoardLogger]:
    """Those of a trainer's loggers that take pictures."""
    return [logger for logger in trainer.loggers if isinstance(logger, WandbLogger | TensorBoardLogger)]


def log_row(logger: WandbLogger | TensorBoardLogger, name: str, row: Tensor, step: int) -> None:
    """Sends one picture, (3,H,W) in [0,1]."""
    if isinstance(logger, WandbLogger):
        logger.log_image(name, [row], step=step)
    else:
        logger.experiment.add_image(name, row, step)


class ImagePanels(Callback):
    """After each validation logs one row per scale: LR, bicubic, SR, HR and error, cut from the image's middle."""

    def __init__(self) -> None:
        self._rows: dict[str, Tensor] = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: BenchmarkItem,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps the first image of each scale."""
        assert isinstance(pl_module.net, SuperResolver)
        wanted = trainer.is_global_zero and not trainer.sanity_checking and image_loggers(trainer)
        name = valid_images(batch.scale, kind_of(batch.benchmark))
        if wanted and name not in self._rows:
            with torch.compiler.set_stance("force_eager"):
                self._rows[name] = cut_outs(pl_module.net, batch).row

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the rows."""
        for name, row in self._rows.items():
            for logger in image_loggers(trainer):
                log_row(logger, name, row, trainer.global_step)
        self._rows = {}
