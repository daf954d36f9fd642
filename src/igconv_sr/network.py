"""SRNet = encoder + upsampler; the only place that pads, crops and shifts the mean.

Legend: B batch, H and W size of the LR image, r scale; r·H and r·W are rounded as
:func:`igconv_sr.functional.paired_size.output_size` does.
"""

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

from igconv_sr.encoders.base import Encoder
from igconv_sr.errors import InputError
from igconv_sr.functional.fit import fit
from igconv_sr.functional.imresize import imresize
from igconv_sr.functional.padding import pad_bottom_right
from igconv_sr.functional.paired_size import output_length, output_size
from igconv_sr.scale import Ratio, Scale, nearest_ratio, plain_scale, scale_fraction
from igconv_sr.super_resolver import SuperResolver
from igconv_sr.upsamplers.base import Branches, Upsampler, joined

if TYPE_CHECKING:
    from fractions import Fraction

    from igconv_sr.inference.objects import ImageT


class Upscaling(SuperResolver):
    """What users hold: a model that also enlarges pictures, arrays and tensors."""

    def upscale(
        self, image: "ImageT", scale: "float | str | Fraction", tile: int | None = None, ensemble: bool = False
    ) -> "ImageT":
        """Enlarges an image on the network's device, in bounded memory; the kernels are generated once per scale.

        Args:
            image: A PIL image; an array (H,W) or (H,W,C), uint8, uint16, or floating point in [0,1]; or a tensor
                (C,H,W) or (B,C,H,W), uint8, or floating point in [0,1]. C is 1 (gray), 2 (gray and alpha), 3 (RGB) or
                4 (RGB and alpha). Alpha is enlarged by the network as a gray image is, and exact where it is flat.
            scale: r, from 1 to 64: a number, or text such as ``"22/7"``.
            tile: Side of the tiles in LR pixels; None chooses it from the free memory, the whole image if it fits.
            ensemble: Average over the eight flips and turns.

        Returns:
            The same kind, type and layout, clamped to the range. A PIL image is gray, RGB, or one of them with alpha;
            palettes become RGB. Its colour profile and EXIF are kept, and it is not turned.

        Raises:
            InputError: If the image is none of these, or the scale is out of range or not served.
        """
        from igconv_sr.inference.objects import upscale

        return upscale(self, image, scale, tile, ensemble)


class SRNet(Upscaling):
    """A super-resolution network: one encoder, one upsampler, several scales.

    Args:
        encoder: Maps (B,3,H,W) to features (B,C,H,W); states ``out_channels``, ``size_multiple``,
            ``pad_mode`` and ``rgb_mean`` (see :class:`igconv_sr.encoders.Encoder`).
        upsampler: Called once with ``in_channels`` and ``scales`` to make the upsampler.
        scales: Scales of the training, above 1: integers, or fractions p/q with p up to 64.

    Attributes:
        scales: As given, each an ``int`` where it is whole, else a ``float``.

    Raises:
        InputError: If a scale is no such number, or the upsampler has no heads for it.

    Example:
        >>> from functools import partial
        >>> from igconv_sr.encoders import EDSR
        >>> from igconv_sr.upsamplers import IGConv
        >>> net = SRNet(EDSR(8, 1), partial(IGConv, hidden_dim=16), scales=(2, 3, 4))
        >>> net(torch.rand(1, 3, 7, 5), scale=4).shape
        torch.Size([1, 3, 28, 20])
        >>> net(torch.rand(1, 3, 8, 6), scale=2.5).shape
        torch.Size([1, 3, 20, 15])
    """

    rgb_mean: Tensor | None
    upsampler: Upsampler

    def __init__(self, encoder: Encoder, upsampler: Callable[..., Upsampler], scales: Sequence[float]) -> None:
        super().__init__()
        self.scales = tuple(plain_scale(scale) for scale in scales)
        self.encoder = encoder
        self.upsampler = upsampler(in_channels=encoder.out_channels, scales=self.scales)
        mean = None if encoder.rgb_mean is None else torch.tensor(encoder.rgb_mean).view(3, 1, 1)
        self.register_buffer("rgb_mean", mean, persistent=False)

    def forward(self, lr: Tensor, scale: Scale) -> Tensor:
        """Maps an RGB image (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped.

        Args:
            lr: (B,3,H,W).
            scale: r, any number from 1 to 64. If it is no fraction p/q with p up to 64, the image is computed at the
                nearest one and resized from there. The kernels of p = 64 take seconds: :meth:`fold` keeps them.

        Raises:
            InputError: If the image is of another shape or type, or the scale is out of range or not served.
        """
        if lr.ndim != 4 or lr.shape[1] != 3 or not lr.is_floating_point():
            raise InputError(
                f"the network takes RGB in [0,1] as floating point, (B,3,H,W), not {lr.dtype} of shape "
                f"{tuple(lr.shape)}; net.upscale takes one image as well, uint8, and gray"
            )
        image = self.forward_mixed(lr, [(scale, lr.shape[0])])[0]
        height, width = lr.shape[-2:]
        return fit(image, height, width, scale)

    @property
    def size_multiple(self) -> int:
        """The number of LR pixels whose multiples the network takes as height and width without padding."""
        return self.encoder.size_multiple

    def forward_mixed(self, lr: Tensor, groups: Sequence[tuple[Scale, int]]) -> list[Tensor]:
        """One encoder pass over the whole batch, then the upsampler once per scale on its rows.

        Args:
            lr: (B,3,H,W) in [0,1], rows of the same scale next to each other.
            groups: (scale, number of rows) in the order of the rows; the numbers add up to B.

        Returns:
            Per group (rows,3,r·H,r·W), not clamped, at the fraction p/q nearest to the scale.
        """
        ratios, counts = [nearest_ratio(scale) for scale, _ in groups], [count for _, count in groups]
        padded = pad_bottom_right(lr, self.encoder.size_multiple, self.encoder.pad_mode)
        shifted = padded if self.rgb_mean is None else padded - self.rgb_mean
        features = self.encoder(shifted)
        parts = self.upsampler.mixed_branches(torch.split(features, counts), ratios, torch.split(padded, counts))
        images = [self._image(*group, *padded.shape[-2:]) for group in zip(parts, ratios, strict=True)]
        if padded is lr:
            return images
        sizes = [[output_length(size, ratio) for size in lr.shape[-2:]] for ratio in ratios]
        return [image[..., :rows, :columns] for image, (rows, columns) in zip(images, sizes, strict=True)]

    def _image(self, branches: Branches, ratio: Ratio, height: int, width: int) -> Tensor:
        """The branches as one image, its colours shifted back."""
        add_mean = getattr(self.encoder, "add_mean", None)
        if add_mean is not None:
            branches = Branches(add_mean(branches.convolved), branches.resampled)
        image = joined(branches, ratio, height, width)
        return image if self.rgb_mean is None else image + self.rgb_mean

    def fold(self, scales: Sequence[Scale]) -> Self:
        """A new network for inference with the upsampler's kernels as plain weights.

        The encoder is copied: what happens to this network later does not change the folded one.
        """
        folded = type(self).__new__(type(self))
        nn.Module.__init__(folded)
        folded.encoder = copy.deepcopy(self.encoder)
        folded.upsampler = self.upsampler.fold(scales)
        folded.scales = tuple(scale if isinstance(scale, int) else float(scale) for scale in scales)
        folded.register_buffer("rgb_mean", self.rgb_mean, persistent=False)
        return folded.eval().requires_grad_(False)


class Bicubic(Upscaling):
    """MATLAB's bicubic enlargement with the interface of :class:`SRNet`: the reference to beat, at any fraction p/q."""

    def forward(self, lr: Tensor, scale: Scale) -> Tensor:
        """Maps (B,3,H,W) in [0,1] to (B,3,r·H,r·W), not clamped.

        MATLAB rounds sizes up; where that adds a pixel whose centre is outside the LR image, it is cut off.
        """
        height, width = lr.shape[-2:]
        rows, columns = output_size(height, width, scale_fraction(scale))
        return imresize(lr, float(scale))[..., :rows, :columns]

    def fold(self, scales: Sequence[Scale]) -> Self:
        """Itself: there is nothing to fold."""
        for scale in scales:
            scale_fraction(scale)
        return self
