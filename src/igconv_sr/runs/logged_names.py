"""Names under which a training logs: one place for what writes them and what looks for them."""

import re
from typing import NamedTuple

STEP = "trainer/global_step"
"""Lightning's name of the horizontal axis of all curves."""

LOSS = "train/loss"
"""The loss of a training batch, all terms together."""

STEP_RATE = "train/steps_per_second"

VALID_MEAN = "valid/psnr_y_mean"
"""PSNR on luma in dB, mean over the scales: what ``best_mean`` is chosen by."""

CROPS = "test/crops"
"""Table of cut-outs."""

RESULTS = "test/results"
"""Table that holds ``results.csv``."""


def valid_score(measure: str, scale: float, kind: str = "") -> str:
    """A curve of validation, such as ``valid/psnr_y_x2``.

    Args:
        measure: Column of the results.
        scale: r.
        kind: Where LR images are not bicubic's or SR is not computed in one piece, what a number's name says of it:
            ``valid/psnr_y_x2 (pil)``, ``valid/psnr_y_x2+tile128``.
    """
    return f"valid/{measure}_x{scale:g}{kind}"


class ValidScore(NamedTuple):
    """What the name of a curve of validation says; the arguments of :func:`valid_score`, the scale to six digits."""

    measure: str
    scale: float
    kind: str


def read_valid_score(name: str) -> ValidScore | None:
    """Reads what :func:`valid_score` wrote; None if the name is another.

    Example:
        >>> read_valid_score("valid/psnr_y_x2.5+tile128")
        ValidScore(measure='psnr_y', scale=2.5, kind='+tile128')
    """
    found = re.fullmatch(r"valid/(\w+)_x(\d+(?:\.\d+)?)([ +].*)?", name)
    return None if found is None else ValidScore(found[1], float(found[2]), found[3] or "")


def train_score(measure: str, scale: float) -> str:
    """A value of a training batch at one scale, such as ``train/psnr_rgb_x2``; ``steps`` counts the batches with it."""
    return f"train/{measure}_x{scale:g}"


def valid_mean(kind: str = "") -> str:
    """PSNR on luma in dB, mean over the scales; ``kind`` as of :func:`valid_score`."""
    return VALID_MEAN + kind


def valid_images(scale: float, kind: str = "") -> str:
    """Cut-outs after each validation; ``kind`` as of :func:`valid_score`."""
    return f"valid/images_x{scale:g}{kind}"


def benchmark_score(benchmark: str, measure: str, scale: float, marks: str = "") -> str:
    """A result, such as ``test/Set5/psnr_y_x2``, or ``test/Set5/psnr_y_x2+tile128`` where SR is computed in tiles."""
    return f"test/{benchmark}/{measure}_x{scale:g}{marks}"


def cost_name(key: str) -> str:
    """A cost, such as ``cost/train_seconds``."""
    return f"cost/{key}"
