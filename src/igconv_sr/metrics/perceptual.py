"""LPIPS and DISTS of torchmetrics, whose networks are torchvision's and whose weights the user supplies."""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from igconv_sr.errors import InputError, did_you_mean


class Backbone(NamedTuple):
    """The network inside a metric.

    Attributes:
        network: Name of the network.
        file: File of its weights; its name ends in the beginning of its SHA-256.
    """

    network: str
    file: str


PERCEPTUAL = {
    "lpips": Backbone("AlexNet", "alexnet-owt-7be5be79.pth"),
    "dists": Backbone("VGG16", "vgg16-397923af.pth"),
}
"""Lower is better in both. The weights on top of the networks come with torchmetrics."""


class PerceptualMetrics(nn.Module):
    """Some of the perceptual metrics, none being usual.

    Args:
        names: Of :data:`PERCEPTUAL`.

    Raises:
        InputError: If a name is unknown, torchvision is not installed, or a file of weights is missing or another.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        for name in names:
            if name not in PERCEPTUAL:
                raise InputError(
                    f"metrics: there is no {name!r}, only {', '.join(PERCEPTUAL)}{did_you_mean(name, PERCEPTUAL)}"
                )
        for name in names:
            check_weights(name)
        self.metrics = nn.ModuleDict({name: _metric(name) for name in names})

    @torch.no_grad()
    def forward(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Values of one image.

        Args:
            sr: (1,3,H,W) in [0,1].
            hr: Same shape and range.
        """
        return {name: metric(sr, hr) for name, metric in self.metrics.items()}


def check_weights(name: str) -> Path:
    """The file of a metric's weights, where torchvision looks for it before it would download it.

    Raises:
        InputError: If torchvision is not installed, or the file is missing or not the published one.
    """
    backbone = PERCEPTUAL[name]
    path = Path(torch.hub.get_dir()) / "checkpoints" / backbone.file
    wanted = f"save https://download.pytorch.org/models/{backbone.file} as {path}"
    if importlib.util.find_spec("torchvision") is None:
        raise InputError(
            f"metrics: {name} needs torchvision for its {backbone.network}; install it with "
            f"pip install 'igconv-sr[perceptual]', and {wanted}"
        )
    if not path.is_file():
        raise InputError(f"metrics: {name} needs the weights of {backbone.network}, which are not downloaded; {wanted}")
    # torchvision unpickles the file, which is safe only if it is the published one.
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(path.stem.rpartition("-")[2]):
        raise InputError(f"metrics: {path} is not the published file (its SHA-256 is {digest[:8]}…); {wanted}")
    return path


def _metric(name: str) -> nn.Module:
    # torchmetrics' own metric of DISTS would read its network anew for every image.
    from torchmetrics.functional.image.dists import DISTSNetwork
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return LearnedPerceptualImagePatchSimilarity("alex", normalize=True) if name == "lpips" else DISTSNetwork()
