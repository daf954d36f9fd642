"""Upsamplers: ``upsampler(features, scale, lr) -> image`` and ``fold(scales)``."""

from igconv_sr.upsamplers.base import Branches, Upsampler
from igconv_sr.upsamplers.igconv import FoldedIGConv, IGConv
from igconv_sr.upsamplers.spconv import SPConv, SPConvPlus

__all__ = ["Branches", "FoldedIGConv", "IGConv", "SPConv", "SPConvPlus", "Upsampler"]
