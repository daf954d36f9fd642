"""Lets a GPU repeat the forward and backward pass of a step without Python."""

from typing import Any

from lightning.pytorch import Callback, Trainer

from igconv_sr.training.forward_pass import CapturedForwardPass, ForwardPass


class CapturedSteps(Callback):
    """Captures the steps of a training on one GPU as CUDA graphs, where each batch is an optimiser step."""

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """The weights are on their device and continued by now."""
        if pl_module.device.type == "cuda" and trainer.world_size == 1 and trainer.accumulate_grad_batches == 1:
            plain = pl_module.forward_pass
            pl_module.forward_pass = CapturedForwardPass(plain.net, plain.loss)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Gives the memory of the graphs back."""
        captured = pl_module.forward_pass
        pl_module.forward_pass = ForwardPass(captured.net, captured.loss)
