"""Training losses."""

from igconv_sr.losses.weighted import LossOfImages, WeightedLoss

__all__ = ["LossOfImages", "WeightedLoss"]
