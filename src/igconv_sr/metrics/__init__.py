"""Image quality, by a stated protocol."""

from igconv_sr.metrics.protocol import PROTOCOLS, STANDARD, Protocol, find_protocol
from igconv_sr.metrics.scores import ImageScore, PendingScore, Score, mean_scores, score_image

__all__ = [
    "PROTOCOLS",
    "STANDARD",
    "ImageScore",
    "PendingScore",
    "Protocol",
    "Score",
    "find_protocol",
    "mean_scores",
    "score_image",
]
