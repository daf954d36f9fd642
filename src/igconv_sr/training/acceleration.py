"""How the modules of a network are laid out and compiled for the device that trains them."""

from typing import Literal

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CUDAAccelerator
from torch import nn

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.training.callbacks import CapturedSteps
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
