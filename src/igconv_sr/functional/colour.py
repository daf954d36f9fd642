"""Luma of ITU-R BT.601, limited range: the channel on which SR papers report PSNR and SSIM."""

from torch import Tensor


def rgb_to_y(image: Tensor) -> Tensor:
    """Luma of an RGB image.

    Args:
        image: (B,3,H,W) in [0,1].

    Returns:
        (B,1,H,W) in [16,235].
    """
    weights = image.new_tensor([65.481, 128.553, 24.966]).view(3, 1, 1)
    return (image * weights).sum(-3, keepdim=True) + 16
