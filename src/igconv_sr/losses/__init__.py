"""Training losses."""

from igconv_sr.losses.unread import UnreadLosses
from igconv_sr.losses.weighted import LossOfImages, WeightedLoss

__all__ = ["LossOfImages", "UnreadLosses", "WeightedLoss"]
