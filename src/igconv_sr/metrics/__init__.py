"""Image quality, by a stated protocol."""

from igconv_sr.metrics.protocol import PROTOCOLS, STANDARD, Protocol, find_protocol
from igconv_sr.metrics.scores import ImageScore, Score, ScoreCollector, mean_scores

__all__ = [
    "PROTOCOLS",
    "STANDARD",
    "ImageScore",
    "Protocol",
    "Score",
    "ScoreCollector",
    "find_protocol",
    "mean_scores",
]
