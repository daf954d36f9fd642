"""What a training costs: time, devices and memory, summed over all its parts."""

import json
import platform
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from igconv_sr.runs.logged_names import STEP_RATE
from igconv_sr.system.files import replacing

FILE_NAME = "cost.json"


@dataclass(frozen=True)
class Cost:
    """What a training has cost.

    Attributes:
        device: Name of the GPU, or of the processor with the number of threads.
        devices: How many.
        train_seconds: Duration of the steps, over all parts of the training, without start-up and validation.
        steps: Optimiser steps.
        peak_memory_mib: The largest of any rank.
        memory_of: ``gpu``: tensors allocated on the GPU; ``process``: resident memory of the whole process.
    """

    device: str
    devices: int
    train_seconds: float
    steps: int
    peak_memory_mib: float
    memory_of: str

    def write(self, folder: Path) -> None:
        """Writes ``cost.json``."""
        with replacing(folder / FILE_NAME) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2) + "\n")


class TrainingCost(Callback):
    """Times the training and logs ``train/steps_per_second``; time and memory so far are saved with the checkpoint.

    After a kill the time since the last checkpoint is lost, as the steps are which it took.

    Attributes:
        cost: Known when the training has ended.
    """

    cost: Cost

    def __init__(self) -> None:
        self._seconds = 0.0
        self._peak_mib = 0.0
        self._running_since: float | None = None
        self._logged_at = (0, 0.0)
        self._device = torch.device("cpu")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Notes the device: when the fit ends, the module is back on the CPU."""
        self._device = trainer.strategy.root_device

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._logged_at = (trainer.global_step, self._seconds)
        self._running_since = time.perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock."""
        if not trainer.sanity_checking:
            self._seconds, self._running_since = self._total(), None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock again."""
        if not trainer.sanity_checking:
            self._running_since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Logs the rate since it was last logged."""
        every = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set out of mypy's sight
        if (batch_idx + 1) % trainer.accumulate_grad_batches or trainer.global_step % every:
            return
        steps, seconds = self._logged_at
        now = self._total()
        pl_module.log(STEP_RATE, (trainer.global_step - steps) / (now - seconds), rank_zero_only=True)
        self._logged_at = (trainer.global_step, now)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock."""
        self._seconds, self._running_since = self._total(), None

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds up; also where a checkpoint of the last step left no step to train."""
        own = torch.tensor(self._peak(), device=self._device)
        self.cost = Cost(
            device=_device_name(self._device),
            devices=trainer.world_size,
            train_seconds=self._seconds,
            steps=trainer.global_step,
            peak_memory_mib=float(trainer.strategy.reduce(own, reduce_op="max")),
            memory_of="gpu" if self._device.type == "cuda" else "process",
        )

    def _total(self) -> float:
        running = 0.0 if self._running_since is None else time.perf_counter() - self._running_since
        return self._seconds + running

    def _peak(self) -> float:
        if self._device.type == "cuda":
            now = torch.cuda.max_memory_allocated(self._device) / 2**20
        else:
            unit = 2**20 if sys.platform == "darwin" else 2**10
            now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        return max(self._peak_mib, now)

    def state_dict(self) -> dict[str, Any]:
        """Time and memory so far."""
        return {"seconds": self._total(), "peak_mib": self._peak()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        self._seconds, self._peak_mib = state_dict["seconds"], state_dict["peak_mib"]


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} thread{'' if threads == 1 else 's'}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
