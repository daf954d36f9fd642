"""Weights as spandrel reads them (chaiNNer, ComfyUI): a folded IGConv is the single convolution of such a model.

Where an encoder's class in spandrel ends in one convolution and a depth-to-space ("pixelshuffledirect"), the kernel of
IGConv at one scale takes its place, without bias. SRFormer is in the package spandrel-extra-arches.
"""

from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.system.files import replacing
from igconv_sr.upsamplers import IGConv, SPConv
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.released import LAYOUTS, official

ENCODERS = ("swinir", "srformer", "atd")
"""Names in :data:`igconv_sr.weights.released.LAYOUTS`."""

_ASSUMED = {"category_size": 256, "img_size": 64}
"""Arguments that spandrel takes for granted, where an encoder has them."""

_HEAD = "upsample.0"


def spandrel_weights(net: SRNet, card: ModelCard, scale: int) -> dict[str, Tensor]:
    """The weights of the model at one scale, by the names in spandrel.

    Args:
        net: With IGConv or SPConv, not folded.
        card: Its card.
        scale: r.

    Raises:
        InputError: If spandrel has no class that computes the same.
    """
    layout = next((LAYOUTS[name] for name in ENCODERS if type(net.encoder) is LAYOUTS[name].encoder), None)
    if layout is None:
        raise InputError(
            f"spandrel has no class that ends in one convolution for {card.model}, only for {', '.join(ENCODERS)}; "
            "use --format onnx"
        )
    arguments = layout.published | dict(card.encoder)
    for name, value in _ASSUMED.items():
        if arguments.get(name, value) != value:
            raise InputError(
                f"spandrel takes {name}={value} for granted and this model has {name}={arguments[name]}; "
                "use --format onnx"
            )
    encoder = {key: value for key, value in net.state_dict().items() if not key.startswith("upsampler.")}
    kernel, bias = _head(net, scale)
    return {
        **official.to_official(encoder, layout.name),
        **layout.buffers(arguments),
        f"{_HEAD}.weight": kernel,
        f"{_HEAD}.bias": bias,
    }


def save_spandrel(weights: dict[str, Tensor], path: Path) -> None:
    """Writes a ``.safetensors`` file for ``spandrel.ModelLoader().load_from_file(path)``."""
    contiguous = {key: value.contiguous().clone() for key, value in weights.items()}
    with replacing(path) as partial:
        partial.write_bytes(save(contiguous))


@torch.no_grad()
def _head(net: SRNet, scale: int) -> tuple[Tensor, Tensor]:
    upsampler = net.upsampler
    if isinstance(upsampler, SPConv):
        convolution = upsampler.fold([scale]).heads[str(scale)].get_submodule("0")
        return convolution.get_parameter("weight"), convolution.get_parameter("bias")
    if not isinstance(upsampler, IGConv):
        raise InputError(f"{type(upsampler).__name__} is not a single convolution; use --format onnx")
    if upsampler.sample_hypernet is not None:
        raise InputError(
            "IGConv+ resamples the LR image where the features say (IGSample), which no class in spandrel does; use "
            "--format onnx, or train with upsampler.igsample=false"
        )
    kernel = upsampler.kernel(scale)
    return kernel, kernel.new_zeros(len(kernel))
