"""Sends LR, bicubic, SR and HR of one validation image per scale to W&B and TensorBoard."""

from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from torch import Tensor

from igconv_sr.data import BenchmarkItem
from igconv_sr.functional.imresize import imresize
from igconv_sr.functional.paired_size import larger, paired_size
from igconv_sr.network import SRNet
from igconv_sr.scale import nearest_ratio
from igconv_sr.task import SuperResolution

_SIDE = 192
"""HR pixels of a panel."""


class ImagePanels(Callback):
    """After each validation logs one row per scale: LR enlarged, bicubic, SR, HR, cut from the image's middle."""

    def __init__(self) -> None:
        self._panels: dict[float, Tensor] = {}

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
        assert isinstance(pl_module, SuperResolution)
        wanted = trainer.is_global_zero and not trainer.sanity_checking and _image_loggers(trainer)
        if wanted and batch.scale not in self._panels:
            self._panels[batch.scale] = _panel(pl_module.net, batch)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the rows."""
        for scale, panel in self._panels.items():
            for logger in _image_loggers(trainer):
                if isinstance(logger, WandbLogger):
                    logger.log_image(f"valid/images_x{scale:g}", [panel], step=trainer.global_step)
                elif isinstance(logger, TensorBoardLogger):
                    logger.experiment.add_image(f"valid/images_x{scale:g}", panel, trainer.global_step)
        self._panels = {}


def _image_loggers(trainer: Trainer) -> list[Logger]:
    return [logger for logger in trainer.loggers if isinstance(logger, WandbLogger | TensorBoardLogger)]


def _panel(net: SRNet, item: BenchmarkItem) -> Tensor:
    """(3,side,4·side) in [0,1]."""
    scale, q = item.scale, nearest_ratio(item.scale).q
    side, _ = paired_size(_SIDE, scale)
    top, left = (max(size - side, 0) // 2 // q * q for size in item.lr.shape[-2:])
    lr = item.lr[..., top : top + side, left : left + side] / 255
    start, end = ([larger(first + reach, scale) for first in (top, left)] for reach in (0, side))
    hr = item.hr[..., start[0] : end[0], start[1] : end[1]] / 255
    nearest = F.interpolate(lr, hr.shape[-2:], mode="nearest-exact")
    with torch.no_grad():
        sr = net(lr, scale)
    row = torch.cat((nearest, imresize(lr, scale), sr, hr), dim=-1)
    return row[0].float().clamp(0, 1).cpu()
