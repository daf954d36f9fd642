"""The paper's encoders, without their upsamplers."""

from igconv_sr.encoders.base import DIV2K_MEAN, Encoder
from igconv_sr.encoders.edsr import EDSR
from igconv_sr.encoders.smfanet import SMFANet

__all__ = ["DIV2K_MEAN", "EDSR", "Encoder", "SMFANet"]
