"""SPConv and SPConv+: the fixed-scale upsamplers, one head per scale.

SPConv is ESPCN's sub-pixel convolution (Shi et al., CVPR 2016); SPConv+ the deeper head of EDSR and of the
"classical" transformers. With several scales each has its own head on the shared encoder.

Legend: B batch, C feature channels, H and W size of the LR image, r scale, k kernel size.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Self

from torch import Tensor, nn

from igconv_sr.scale import Ratio, Scale, nearest_ratio
from igconv_sr.upsamplers.base import Branches, Upsampler
from igconv_sr.upsamplers.scales import weights_name, whole_scale


class PerScaleHeads(Upsampler):
    """One head per scale on the same features.

    Args:
        heads: Per scale r a module that maps (B,C,H,W) to (B,3,r·H,r·W).
    """

    shared_across_scales = False

    def __init__(self, heads: Mapping[int, nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({str(nearest_ratio(scale)): head for scale, head in heads.items()})

    def branches(self, features: Tensor, ratio: Ratio, lr: Tensor) -> Branches:  # noqa: ARG002 (the seam)
        """Maps features (B,C,H,W) to the one branch (B,3,r·H,r·W); the LR image is not used.

        Raises:
            InputError: If there is no head for the scale.
        """
        return Branches(self.heads[weights_name(ratio, self.heads)](features))

    def fold(self, scales: Sequence[Scale]) -> Self:
        """A copy that keeps the given scales only; the heads are plain weights already.

        Raises:
            InputError: If there is no head for one of them.
        """
        keys = [weights_name(nearest_ratio(scale), self.heads) for scale in scales]
        folded = copy.deepcopy(self)
        folded.heads = nn.ModuleDict({key: folded.heads[key] for key in keys})
        return folded.requires_grad_(False)


class SPConv(PerScaleHeads):
    """Sub-pixel convolution: k×k convolution C→3·r·r, then depth-to-space.

    Args:
        in_channels: C.
        scales: Scales to make heads for, integers of 2 or more.
        kernel_size: k, odd.
    """

    def __init__(self, in_channels: int, scales: Sequence[float], kernel_size: int = 3) -> None:
        super().__init__(
            {
                scale: nn.Sequential(
                    nn.Conv2d(in_channels, 3 * scale**2, kernel_size, padding=kernel_size // 2),
                    nn.PixelShuffle(scale),
                )
                for scale in map(whole_scale, scales)
            }
        )


class SPConvPlus(PerScaleHeads):
    """Deeper head: for each stage a 3×3 convolution C→C·s·s and depth-to-space, then a 3×3 convolution to RGB.

    Args:
        in_channels: C.
        scales: Scales to make heads for, integers of 2 or more; powers of 2 take several stages of 2, others one stage.
        width: Channels inside the head, reached by a 3×3 convolution and LeakyReLU (transformers, Mamba:
            64), or None to keep C without that convolution (EDSR, RCAN).
    """

    def __init__(self, in_channels: int, scales: Sequence[float], width: int | None = None) -> None:
        super().__init__({scale: _deep_head(in_channels, scale, width) for scale in map(whole_scale, scales)})


def _stages(scale: int) -> list[int]:
    """Factors of the stages: 4 → [2, 2], 3 → [3], 6 → [6]."""
    power = scale.bit_length() - 1
    return [2] * power if scale == 2**power else [scale]


def _deep_head(in_channels: int, scale: int, width: int | None) -> nn.Sequential:
    channels = in_channels if width is None else width
    head = nn.Sequential()
    if width is not None:
        head.extend((nn.Conv2d(in_channels, channels, 3, padding=1), nn.LeakyReLU(inplace=True)))
    for stage in _stages(scale):
        head.append(nn.Conv2d(channels, channels * stage**2, 3, padding=1))
        head.append(nn.PixelShuffle(stage))
    head.append(nn.Conv2d(channels, 3, 3, padding=1))
    return head
