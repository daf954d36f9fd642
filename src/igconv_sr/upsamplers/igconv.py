"""IGConv and IGConv+: one convolution whose kernel a hyper-network generates for any scale.

Lee, Yun and Ro, Implicit Grid Convolution for Multi-Scale Image Super-Resolution, arXiv 2408.09674.

Legend: B batch, C feature channels, H and W size of the LR image, r scale, k kernel size.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from igconv_sr.errors import InputError
from igconv_sr.functional.dihedral import dihedral_mean
from igconv_sr.upsamplers.base import Upsampler
from igconv_sr.upsamplers.hypernet import HyperNetwork
from igconv_sr.upsamplers.igsample import resample, sampling_hypernetwork
from igconv_sr.upsamplers.scales import check_scale


def upsample(features: Tensor, kernel: Tensor, scale: int, lr: Tensor, recolour: nn.Module | None = None) -> Tensor:
    """Convolution and depth-to-space, plus the resampled LR image where the kernel holds its maps.

    Args:
        features: (B,C,H,W).
        kernel: (3·r·r,C,k,k), or (15·r·r,C,k,k) with the kernel of IGSample behind.
        scale: r.
        lr: (B,3,H,W), the LR image that IGSample resamples.
        recolour: Applied to the image of the convolution alone (RCAN's learned mean shift).

    Returns:
        (B,3,r·H,r·W).
    """
    out = F.conv2d(features, kernel, padding=kernel.shape[-1] // 2)
    colours = 3 * scale**2
    main, maps = out.tensor_split((colours,), dim=1)
    image = F.pixel_shuffle(main, scale)
    if recolour is not None:
        image = recolour(image)
    return image if kernel.shape[0] == colours else image + resample(lr, maps, scale)


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

    def __init__(
        self,
        in_channels: int,
        scales: Sequence[int],
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
        self.hypernet = HyperNetwork(positions, 3, hidden_dim, num_layers, largest)
        self.sample_hypernet = (
            sampling_hypernetwork(positions, sample_hidden_dim, sample_num_layers, largest) if igsample else None
        )

    def kernel(self, scale: int) -> Tensor:
        """The kernel at scale r: (3·r·r,C,k,k), with IGSample (15·r·r,C,k,k).

        Raises:
            InputError: If ``scale`` is not an integer of 2 or more.
        """
        check_scale(scale)
        kernel = self._to_kernel(self.hypernet(scale))
        if self.sample_hypernet is not None:
            kernel = torch.cat((kernel, self._to_kernel(self.sample_hypernet(scale))))
        return dihedral_mean(kernel) if self.fgrep else kernel

    def _to_kernel(self, weights: Tensor) -> Tensor:
        """(G, C·k·k·r·r, O/G) → (O·r·r, C, k, k), channels ordered O-major as depth-to-space expects."""
        return rearrange(
            weights,
            "g (c u v subpixel) o -> (g o subpixel) c u v",
            c=self.in_channels,
            u=self.kernel_size,
            v=self.kernel_size,
        )

    def forward(self, features: Tensor, scale: int, lr: Tensor, recolour: nn.Module | None = None) -> Tensor:
        """Maps features (B,C,H,W) and the LR image (B,3,H,W) to (B,3,r·H,r·W)."""
        return upsample(features, self.kernel(scale), scale, lr, recolour)

    @torch.no_grad()
    def fold(self, scales: Sequence[int]) -> "FoldedIGConv":
        """The same function at the given scales, with the kernels as plain weights, for inference."""
        return FoldedIGConv({scale: self.kernel(scale) for scale in scales})


class FoldedIGConv(Upsampler):
    """IGConv whose hyper-network has been evaluated: one plain convolution per scale.

    Args:
        kernels: Per scale r a kernel (3·r·r,C,k,k) or (15·r·r,C,k,k).
    """

    shared_across_scales = False

    def __init__(self, kernels: dict[int, Tensor]) -> None:
        super().__init__()
        self.kernels = nn.ParameterDict(
            {str(scale): nn.Parameter(kernel, requires_grad=False) for scale, kernel in kernels.items()}
        )

    def forward(self, features: Tensor, scale: int, lr: Tensor, recolour: nn.Module | None = None) -> Tensor:
        """Maps features (B,C,H,W) and the LR image (B,3,H,W) to (B,3,r·H,r·W).

        Raises:
            InputError: If the module was not folded for ``scale``.
        """
        check_scale(scale, self.kernels)
        return upsample(features, self.kernels[str(scale)], scale, lr, recolour)

    def fold(self, scales: Sequence[int]) -> "FoldedIGConv":
        """A copy that keeps the given scales only.

        Raises:
            InputError: If the module was not folded for one of them.
        """
        for scale in scales:
            check_scale(scale, self.kernels)
        return FoldedIGConv({scale: self.kernels[str(scale)].detach().clone() for scale in scales})
