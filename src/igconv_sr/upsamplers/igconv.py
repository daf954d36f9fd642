"""IGConv and IGConv+: one convolution whose kernel a hyper-network generates for any scale, whole or not.

The paper has whole scales; at a rational one the same hyper-network is asked for the kernels of p×p sub-pixels. At
those that it was not trained for, and at ×1, it is asked for nothing else than it was trained for: offsets and scales
beyond are taken as the outermost of the training, and a line between two cells, which whole scales do not have, is
computed from both.

Lee, Yun and Ro, Implicit Grid Convolution for Multi-Scale Image Super-Resolution, arXiv 2408.09674.

Legend: B batch, C feature channels, H and W size of the LR image, k kernel size, r = p/q scale in lowest
terms: see :mod:`igconv_sr.upsamplers.polyphase`.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.errors import InputError
from igconv_sr.functional.dihedral import mean_of_copies
from igconv_sr.scale import Ratio, Scale, nearest_ratio
from igconv_sr.upsamplers.base import Branches, Upsampler
from igconv_sr.upsamplers.hypernet import HyperNetwork, sub_pixels
from igconv_sr.upsamplers.igsample import resample, sampling_hypernetwork
from igconv_sr.upsamplers.polyphase import polyphase
from igconv_sr.upsamplers.scales import weights_name


def convolve_and_resample(features: Tensor, kernel: Tensor, ratio: Ratio, lr: Tensor) -> Branches:
    """Convolution and depth-to-space, and the resampled LR image where the kernel holds its maps.

    Args:
        features: (B,C,H,W).
        kernel: (3·n·n,C,k,k), or (15·n·n,C,k,k) with the kernel of IGSample behind; n = p, or p + 1 for an even q.
        ratio: r = p/q.
        lr: (B,3,H,W), the LR image that IGSample resamples.
    """
    main, maps = polyphase(features, kernel, ratio).tensor_split((3 * ratio.p**2,), dim=1)
    convolved = F.pixel_shuffle(main, ratio.p)
    return Branches(convolved, resample(lr, maps, ratio) if maps.shape[1] > 0 else None)


class IGConv(Upsampler):
    """Implicit Grid Convolution; with ``fgrep`` and ``igsample`` the paper's IGConv+.

    Args:
        in_channels: C.
        scales: Scales of the training; the largest is r_max unless ``max_scale`` is given.
        kernel_size: k, odd.
        hidden_dim: Width D of the hyper-network.
        num_layers: Hidden layers L of the hyper-network.
        fgrep: Replace each k×k kernel by the mean of its eight flipped and turned copies. Convolution is
            linear, so this equals averaging the outputs of the eight, at an eighth of the cost.
        igsample: Add the LR image, resampled at positions that depend on the features.
        sample_hidden_dim: Width of one group of IGSample's hyper-network.
        sample_num_layers: Its hidden layers.
        max_scale: r_max.

    Example:
        >>> upsampler = IGConv(in_channels=8, scales=(2, 3, 4), hidden_dim=16, num_layers=1)
        >>> upsampler(torch.rand(1, 8, 5, 6), 3, torch.rand(1, 3, 5, 6)).shape
        torch.Size([1, 3, 15, 18])
    """

    points: Tensor
    mean_of_copies: Tensor

    def __init__(
        self,
        in_channels: int,
        scales: Sequence[float],
        kernel_size: int = 3,
        hidden_dim: int = 256,
        num_layers: int = 4,
        fgrep: bool = False,
        igsample: bool = False,
        sample_hidden_dim: int = 128,
        sample_num_layers: int = 2,
        max_scale: float | None = None,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise InputError(f"upsampler.kernel_size must be odd, got {kernel_size}")
        self.in_channels, self.kernel_size, self.fgrep = in_channels, kernel_size, fgrep
        positions = in_channels * kernel_size**2
        largest = max(scales) if max_scale is None else max_scale
        self.ratios = [nearest_ratio(scale) for scale in scales]
        # On the device already: what a step had to copy there, it would have to wait for.
        self.register_buffer("points", torch.cat([sub_pixels(ratio) for ratio in self.ratios]), persistent=False)
        self.register_buffer("mean_of_copies", mean_of_copies(kernel_size), persistent=False)
        self.hypernet = HyperNetwork(positions, 3, hidden_dim, num_layers, largest)
        self.sample_hypernet = (
            sampling_hypernetwork(positions, sample_hidden_dim, sample_num_layers, largest) if igsample else None
        )

    def kernel(self, scale: Scale) -> Tensor:
        """The kernel at scale r = p/q: (3·n·n,C,k,k), with IGSample (15·n·n,C,k,k).

        n = p, or p + 1 for an even q that was not trained: see :func:`igconv_sr.upsamplers.polyphase.polyphase`. Its
        size and the time it takes grow with p·p, whatever q is.

        Raises:
            InputError: If ``scale`` is not a number from 1 to 64.
        """
        return self.kernels([nearest_ratio(scale)])[0]

    def kernels(self, ratios: Sequence[Ratio]) -> list[Tensor]:
        """As :meth:`kernel` of several scales, which go through each hyper-network together."""
        trained = dict(zip(self.ratios, self.points.split_with_sizes([p * p for p, _ in self.ratios]), strict=True))
        of_scales = [trained[ratio] if ratio in trained else self._untrained_points(ratio) for ratio in ratios]
        points = self.points if ratios == self.ratios else torch.cat(of_scales)
        networks = [net for net in (self.hypernet, self.sample_hypernet) if net is not None]
        # Channels O-major, as depth-to-space expects.
        pattern = "g (c uv s) o -> g o s c uv"
        sizes = {"c": self.in_channels, "s": len(points)}
        kernels = torch.cat([group for net in networks for group in rearrange(net(points), pattern, **sizes)])
        if self.fgrep:
            kernels = kernels @ self.mean_of_copies
        parts = kernels.split_with_sizes([len(own) for own in of_scales], dim=1)
        shape = (-1, self.in_channels, self.kernel_size, self.kernel_size)
        return [part.reshape(shape) for part in parts]

    def _untrained_points(self, ratio: Ratio) -> Tensor:
        if ratio.q == 1 and ratio.p > 1:  # the paper's
            return sub_pixels(ratio).to(self.points)
        # Beyond its training a hyper-network gives anything: `photo` 26 dB less at ×1, 15 at ×1.5, 0.5 at ×2.5 (Set5).
        points = sub_pixels(ratio, both_sides=True).to(self.points)
        return points.clamp(self.points.amin(dim=0), self.points.amax(dim=0))

    def branches(self, features: Tensor, ratio: Ratio, lr: Tensor) -> Branches:
        """Computes the branches of an image at the scale r = p/q."""
        return self.mixed_branches([features], [ratio], [lr])[0]

    def mixed_branches(
        self, features: Sequence[Tensor], ratios: Sequence[Ratio], lr: Sequence[Tensor]
    ) -> list[Branches]:
        """Computes the branches of groups of several scales, whose kernels are generated together."""
        groups = zip(features, self.kernels(ratios), ratios, lr, strict=True)
        return [convolve_and_resample(*group) for group in groups]

    @torch.no_grad()
    def fold(self, scales: Sequence[Scale]) -> "FoldedIGConv":
        """The same function at the given scales, with the kernels as plain weights, for inference."""
        ratios = [nearest_ratio(scale) for scale in scales]
        kind = self.points.device.type
        # What is kept has the precision of the weights, also where autocast computes with less.
        with torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext():
            return FoldedIGConv({str(ratio): self.kernels([ratio])[0] for ratio in ratios})


class FoldedIGConv(Upsampler):
    """IGConv whose hyper-network has been evaluated: one plain convolution per scale.

    Args:
        kernels: Those of :meth:`IGConv.kernel`, (3·n·n,C,k,k) or (15·n·n,C,k,k), by the names of the scales: ``"2"`` or
            ``"5/2"``.
    """

    shared_across_scales = False

    def __init__(self, kernels: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.kernels = nn.ParameterDict(
            {key: nn.Parameter(kernel, requires_grad=False) for key, kernel in kernels.items()}
        )

    def branches(self, features: Tensor, ratio: Ratio, lr: Tensor) -> Branches:
        """Computes the branches of an image at the scale r = p/q, with the kernel that was folded for it.

        Raises:
            InputError: If the module was not folded for the scale.
        """
        kernel = self.kernels[weights_name(ratio, self.kernels)]
        return convolve_and_resample(features, kernel, ratio, lr)

    def fold(self, scales: Sequence[Scale]) -> "FoldedIGConv":
        """A copy that keeps the given scales only.

        Raises:
            InputError: If the module was not folded for one of them.
        """
        keys = [weights_name(nearest_ratio(scale), self.kernels) for scale in scales]
        return FoldedIGConv({key: self.kernels[key].detach().clone() for key in keys})
