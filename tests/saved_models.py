"""Small models in files, as a training leaves them."""

from pathlib import Path
from typing import Any

import torch

from igconv_sr.network import SRNet
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import save_safetensors

EDSR = {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 8, "num_block": 2}
SMFANET = {"_target_": "igconv_sr.encoders.SMFANet", "dim": 8, "n_blocks": 3}
IGCONV = {"_target_": "igconv_sr.upsamplers.IGConv", "_partial_": True, "hidden_dim": 16, "num_layers": 1}
IGCONV_PLUS = {**IGCONV, "fgrep": True, "igsample": True, "sample_hidden_dim": 8, "sample_num_layers": 1}
SPCONV = {"_target_": "igconv_sr.upsamplers.SPConv", "_partial_": True}
SPCONV_PLUS = {"_target_": "igconv_sr.upsamplers.SPConvPlus", "_partial_": True, "width": 8}


def save_model(
    path: Path,
    encoder: dict[str, Any] = EDSR,
    upsampler: dict[str, Any] = IGCONV,
    scales: tuple[int, ...] = (2, 3, 4),
    seed: int = 0,
) -> SRNet:
    """Writes a model with random weights; returns it in eval mode."""
    names = (part["_target_"].rpartition(".")[2].lower() for part in (encoder, upsampler))
    card = ModelCard(encoder, upsampler, list(scales), *names, "none", seed)
    torch.manual_seed(seed)
    net = card.build().eval()
    save_safetensors(net, card, path)
    return net
