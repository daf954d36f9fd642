"""The LightningModule: step, validation, optimiser, nothing else."""

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from igconv_sr.data import Batch, BenchmarkItem
from igconv_sr.errors import NonFiniteError
from igconv_sr.evaluation.scoring import Scoring
from igconv_sr.functional.quality import psnr
from igconv_sr.inference.settings import Inference
from igconv_sr.losses import UnreadLosses, WeightedLoss
from igconv_sr.metrics import STANDARD
from igconv_sr.network import SRNet
from igconv_sr.runs.logged_names import LOSS, train_score
from igconv_sr.training.forward_pass import BatchLosses, ForwardPass
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import CARD_KEY


class SuperResolution(LightningModule):
    """Trains one network on batches that mix scales.

    Args:
        net: The network.
        card: What the checkpoint says of it.
        loss: Weighted sum of terms, one value per image.
        optimizer: Called with the network.
        scheduler: Called with the optimiser; steps once per optimiser step.
        log_every_n_steps: Optimiser steps between two logged ones.
        inference: How validation computes SR images as long as memory allows; whole images if it is left out.
    """

    def __init__(
        self,
        net: SRNet,
        card: ModelCard,
        loss: WeightedLoss,
        optimizer: Callable[[SRNet], Optimizer],
        scheduler: Callable[[Optimizer], LRScheduler],
        log_every_n_steps: int,
        inference: Inference | None = None,
    ) -> None:
        super().__init__()
        self.net, self.card = net, card
        self.forward_pass = ForwardPass(net, loss)
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.log_every_n_steps = log_every_n_steps
        inference = inference or Inference()
        # All scales in one way, as checkpoints are chosen by their mean.
        self.scoring = Scoring(STANDARD.marked(inference.marks), inference, cell_of=lambda _benchmark, _scale: None)
        self.unread_losses = UnreadLosses()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002 (Lightning's hook)
        """Loss of a batch: the mean over its images, so that ranks and micro-batches average exactly.

        Raises:
            NonFiniteError: If a loss is NaN or infinite. A GPU would have to be waited for: there it is told at the
                next logged step or checkpoint.
        """
        losses = self.forward_pass(batch)
        loss = losses.values.mean()
        self.unread_losses.add(self.global_step, losses.values, batch.groups, batch.names)
        # The loggers write at the end of a step.
        is_logged = (self.global_step + 1) % self.log_every_n_steps == 0
        if is_logged or loss.device.type == "cpu":
            self.unread_losses.check()
        if is_logged:
            self._log_training(batch, losses, loss)
        return loss

    def _log_training(self, batch: Batch, losses: BatchLosses, loss: Tensor) -> None:
        self.log(LOSS, loss, prog_bar=True, sync_dist=True)
        for (scale, _), sr, hr, terms in zip(batch.groups, losses.images, batch.hr, losses.terms, strict=True):
            for name, values in terms.items():
                self.log(train_score(name, scale), values.mean())
            value = psnr(sr.float().clamp(0, 1) * 255, hr * 255).mean()
            self.log(train_score("psnr_rgb", scale), value, prog_bar=True)

    def validation_step(self, batch: BenchmarkItem, batch_idx: int) -> None:  # noqa: ARG002 (Lightning's hook)
        """Scores one image; :class:`igconv_sr.training.callbacks.ValidationScores` logs the means.

        The network is as the steps have it: in the trainer's precision, its kernels unfolded. A validation has to be
        cheap, and it compares a network with itself. Results compare networks: ``evaluate`` scores them folded in
        float32. In float32 the two agree to 1e-5 dB; in bf16 validation is about .01 dB lower.
        """
        # Every size would be compiled anew.
        with torch.compiler.set_stance("force_eager"):
            self.scoring.score(self.net, batch)

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule, stepped together."""
        optimizer = self.make_optimizer(self.net)
        # A fused one offers to undo the scaling of float16 itself, after the gradients should have been clipped.
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.make_scheduler(optimizer), "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the card.

        Raises:
            NonFiniteError: If a loss or a weight is NaN or infinite, so that no such checkpoint replaces a good one.
        """
        self.unread_losses.check()
        for name, value in checkpoint["state_dict"].items():
            if value.is_floating_point() and not value.isfinite().all():
                raise NonFiniteError(f"{name} is not finite at step {self.global_step}; no checkpoint is written")
        checkpoint[CARD_KEY] = self.card.after(self.global_step).to_json()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Puts the loop at the checkpoint's optimiser step, before the validation there if that had not ended."""
        loop = checkpoint["loops"]["fit_loop"]
        batches, validation = loop["epoch_loop.batch_progress"], loop["epoch_loop.val_loop.batch_progress"]
        is_validated = batches["total"]["completed"] == batches["total"]["processed"]
        # Accumulation may have changed with the number of devices; the step is what counts.
        micro_steps = checkpoint["global_step"] * self.trainer.accumulate_grad_batches
        for counts in (batches["current"], batches["total"]):  # by the latter Lightning counts to a validation
            counts.update(dict.fromkeys(counts, micro_steps))
        if not is_validated:
            # What Lightning takes up again, if one is due, is a validation that ended within its first image.
            validation["current"].update(dict.fromkeys(validation["current"], 0))
            validation["total"].update(ready=1, started=1, processed=0, completed=0)
