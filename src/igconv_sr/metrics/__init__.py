"""Image quality, by a stated protocol."""

from igconv_sr.metrics.protocol import STANDARD, Protocol
from igconv_sr.metrics.scores import BenchmarkScores, Score

__all__ = ["STANDARD", "BenchmarkScores", "Protocol", "Score"]
