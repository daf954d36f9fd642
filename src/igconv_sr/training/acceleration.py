"""How the modules of a network are laid out and compiled for the device that trains them."""

from typing import Any, Literal

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.accelerators import CUDAAccelerator
from torch import nn

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.training.forward_pass import CapturedForwardPass, ForwardPass
from igconv_sr.upsamplers.hypernet import HyperNetwork

Compile = bool | Literal["auto"]


def accelerate(net: SRNet, trainer: Trainer, compiled: Compile) -> None:
    """Prepares a network for the steps of a training; its weights and their names stay.

    Args:
        net: On whatever device.
        trainer: That will train it.
        compiled: Whether to compile the encoder and the hyper-networks, which takes minutes at the first step for a
            transformer; ``auto``: one GPU repeats what Python once told it (see :class:`CapturedSteps`), no compiler.

    Raises:
        InputError: If ``compiled`` is neither.
    """
    if compiled not in (True, False, "auto"):
        raise InputError(f"trainer.compile={compiled} must be auto, true or false")
    on_gpu = isinstance(trainer.accelerator, CUDAAccelerator)
    if on_gpu and trainer.precision == "bf16-mixed" and getattr(net.encoder, "prefers_channels_last", True):
        # Otherwise cuDNN changes the layout before and after every convolution in half precision.
        net.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub leaves it out
    if compiled == "auto" and on_gpu:
        trainer.callbacks.append(CapturedSteps())  # type: ignore[attr-defined]  # set out of mypy's sight
    if compiled is True:
        for module in compiled_parts(net):
            module.compile()


def compiled_parts(net: SRNet) -> list[nn.Module]:
    """The parts whose inputs have the same shapes at every step; around them are few operations."""
    return [net.encoder, *(part for part in net.upsampler.modules() if isinstance(part, HyperNetwork))]


class CapturedSteps(Callback):
    """Captures the steps of a training on one GPU as CUDA graphs, where each batch is an optimiser step."""

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """The weights are on their device and continued by now."""
        if pl_module.device.type == "cuda" and trainer.world_size == 1 and trainer.accumulate_grad_batches == 1:
            plain = pl_module.forward_pass
            pl_module.forward_pass = CapturedForwardPass(plain.net, plain.loss)

    def on_train_end(self, _: Trainer, pl_module: Any) -> None:
        """Gives the memory of the graphs back."""
        captured = pl_module.forward_pass
        pl_module.forward_pass = ForwardPass(captured.net, captured.loss)
        if isinstance(captured, CapturedForwardPass):
            captured.forget()
