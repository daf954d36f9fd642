"""``igconv-sr bench``: speed and memory as ratios within one run, which hold on any machine; one file per topic."""

import os

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's own messages; read when torch is imported

from igconv_sr.bench.command import main

__all__ = ["main"]
