"""Names under which a training logs: one place for what writes them and what looks for them."""

STEP = "trainer/global_step"
"""Lightning's name of the horizontal axis of all curves."""

VALID_MEAN = "valid/psnr_y_mean"
"""PSNR on luma in dB, mean over the scales."""

CROPS = "test/crops"
"""Table of cut-outs."""

RESULTS = "test/results"
"""Table that holds ``results.csv``."""


def valid_score(measure: str, scale: float) -> str:
    """A curve of validation, such as ``valid/psnr_y_x2``."""
    return f"valid/{measure}_x{scale:g}"


def valid_images(scale: float) -> str:
    """Cut-outs after each validation."""
    return f"valid/images_x{scale:g}"


def benchmark_score(benchmark: str, measure: str, scale: float) -> str:
    """A result, such as ``test/Set5/psnr_y_x2``."""
    return f"test/{benchmark}/{measure}_x{scale:g}"


def cost_name(key: str) -> str:
    """A cost, such as ``cost/train_seconds``."""
    return f"cost/{key}"
