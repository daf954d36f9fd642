"""Rows of the tables that analyses write and their figures draw."""

from typing import NamedTuple

BICUBIC = "bicubic"


class CurveRow(NamedTuple):
    """A row of scale_curve.csv: one model on one benchmark at one scale; PSNR in dB."""

    model: str
    benchmark: str
    scale: float
    trained: bool
    images: int
    psnr_y: float
    ssim_y: float
    protocol: str
    weights: str
    commit: str


class EfficiencyRow(NamedTuple):
    """A row of efficiency.csv; latency and memory are None where the device's memory did not suffice.

    ``params`` are those stored for all scales asked for, ``folded_params`` and ``macs`` those of inference at this one.
    ``height`` and ``width`` are of the output asked for; sides of the LR image are rounded up.
    """

    model: str
    upsampler: str
    scale: int
    params: int
    folded_params: int
    macs: int
    latency_ms: float | None
    peak_memory_mib: float | None
    device: str
    threads: int
    height: int
    width: int
    commit: str

    @property
    def machine(self) -> str:
        """The device in words, of a CPU with its threads."""
        return f"CPU, {self.threads} thread{'s' * (self.threads > 1)}" if self.device == "cpu" else self.device
