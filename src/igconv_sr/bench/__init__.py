"""``igconv-sr bench``: speed and memory as ratios within one run, which hold on any machine; one file per topic."""

from igconv_sr.bench.bench import main

__all__ = ["main"]
