"""What it takes to serve all scales: parameters to store, time to train, latency."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from igconv_sr.report.seed_means import Column, Scored
from igconv_sr.report.variants import Variant
from igconv_sr.runs.files import Row


class Setting(NamedTuple):
    """What latencies must share to be compared.

    Attributes:
        device: Name of the device.
        threads: Of a CPU.
        height: Of the output image.
        width: Of the output image.
    """

    device: str
    threads: str
    height: str
    width: str

    def __str__(self) -> str:
        threads = f", {self.threads} thread{'s' if self.threads != '1' else ''}" if self.threads else ""
        return f"{self.device}{threads}, {self.width}×{self.height}"


@dataclass(frozen=True)
class Family:
    """One model for several scales, or several models for one scale each.

    Attributes:
        members: By the scales of their training.
        scored: What each scored.
    """

    members: Sequence[Variant]
    scored: Mapping[Variant, Scored]

    @property
    def scales(self) -> tuple[int, ...]:
        """All scales that it serves."""
        return tuple(sorted({scale for member in self.members for scale in member.scales}))

    @property
    def name_of(self) -> Variant:
        """The member that the others are named by."""
        return self.members[0]

    @property
    def params(self) -> int:
        """Parameters stored for all scales."""
        return sum(member.params for member in self.members)

    def psnr(self, benchmark: str, images: int) -> float | None:
        """Mean over the scales of the PSNR on luma in dB; None if a scale was not measured."""
        values = []
        for member in self.members:
            for scale in member.scales:
                value = self.scored[member].value(Column(benchmark, images, scale), "psnr_y")
                if value is None or not math.isfinite(value.mean):
                    return None
                values.append(value.mean)
        return math.fsum(values) / len(values)

    def training(self) -> tuple[str, float] | None:
        """Device and its hours to train for all scales, mean over the seeds; None if not all were recorded."""
        devices, hours = set(), 0.0
        for member in self.members:
            runs = {id(source.training): source.training for source in self.scored[member].sources}
            costs = [training.cost for training in runs.values() if training]
            if not costs or not all({"device", "train_seconds"} <= cost.keys() for cost in costs):
                return None
            devices |= {str(cost["device"]) for cost in costs}
            hours += statistics.fmean(float(c["train_seconds"]) * int(c.get("devices", 1)) for c in costs) / 3600
        return (devices.pop(), hours) if len(devices) == 1 else None

    def latency(self, rows: Sequence[Row], setting: Setting) -> float | None:
        """Mean over the scales in milliseconds; None if one was not measured."""
        values = []
        for member in self.members:
            for scale in member.scales:
                same = [
                    float(row["latency_ms"])
                    for row in rows
                    if is_of(row, member) and float(row["scale"]) == scale and setting_of(row) == setting
                ]
                if not same:
                    return None
                values.append(statistics.median(same))
        return math.fsum(values) / len(values)


def is_of(row: Row, variant: Variant) -> bool:
    """Whether a row of efficiency.csv is of a variant: a head for one scale folds to what a model of that scale is."""
    sizes = [int(row[name]) for name in ("params", "folded_params") if row.get(name)]
    same = (row["model"], row["upsampler"]) == (variant.model, variant.upsampler)
    return same and variant.params in sizes and bool(row["latency_ms"])


def setting_of(row: Row) -> Setting:
    """The setting in which a row of efficiency.csv was measured."""
    return Setting(*(row[name] for name in Setting._fields))


def families(rows: Mapping[Variant, Scored]) -> list[Family]:
    """Groups models of one scale each that are alike but for the scale; others stand alone.

    Args:
        rows: Of one protocol and training data.
    """
    groups: dict[Variant, list[Variant]] = {}
    for variant in rows:
        if variant.scales:
            key = variant.without_scales() if len(variant.scales) == 1 else variant
            groups.setdefault(key, []).append(variant)
    return [Family(sorted(members, key=lambda v: v.scales), rows) for members in groups.values()]
