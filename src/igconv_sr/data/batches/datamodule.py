"""The LightningDataModules: mixed-scale crops for training, whole images for validation."""

import math
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule
from lightning.pytorch.accelerators import CUDAAccelerator
from torch.utils.data import DataLoader

from igconv_sr.data.batches.augment import to_batch
from igconv_sr.data.batches.benchmark import Benchmark, BenchmarkImages
from igconv_sr.data.batches.blur_downscale_noise import BlurDownscaleNoise
from igconv_sr.data.batches.crops import CropBatch, Layout, MixedScaleCrops, StepSampler, usable_images
from igconv_sr.data.batches.degradation import MATLAB, Degradation, Pil
from igconv_sr.data.batches.lr_files import check_sizes, paired_files
from igconv_sr.data.batches.mixture import Mixture
from igconv_sr.data.batches.named_degradation import DEFAULT_DEGRADATION, check_degradation, named_by, named_degradation
from igconv_sr.data.batches.schedule import ScaleSchedule, row_scales
from igconv_sr.data.images.storage import Storage, check_storage, open_images
from igconv_sr.data.images.store import ImageSource
from igconv_sr.data.sources.remote import RemoteFile
from igconv_sr.data.sources.sample import TRAINING_PHOTOGRAPHS, VALIDATION_PHOTOGRAPHS
from igconv_sr.errors import InputError
from igconv_sr.functional.paired_size import larger
from igconv_sr.pictures.decoding import NEARLY_BLACK
from igconv_sr.scale import nearest_ratio, plain_scale
from igconv_sr.system.console import say

_LOOKED_AT = 8
"""Images that are looked at before a training; more would take time with files on slow disks."""


class MixedScaleData(LightningDataModule):
    """Crops of all scales in one batch, drawn by (seed, step, row) alone.

    Args:
        name: Name of the data set, as it appears in results.
        train_files: Image files or shards to train on.
        valid_files: Image files to validate on.
        scales: Scales of the training, above 1: integers, or fractions p/q with p up to 64, such as 2.5 or ``"7/3"``.
        lr_patch_size: Side of the LR patch, the same at every scale: a multiple of every q, so that the HR patch has a
            whole number of pixels.
        global_batch_size: Rows of one optimiser step, over all devices and accumulated batches.
        max_batch_per_device: A device runs at most so many rows at once and accumulates the rest.
        scale_schedule: See :func:`igconv_sr.data.batches.schedule.row_scales`.
        seed: Seed of the run.
        cache_dir: Holds the decoded images.
        num_workers: Processes that cut crops; 0 cuts them in the training process.
        degradation: How LR patches are made, one of :data:`igconv_sr.data.batches.named_degradation.DEGRADATIONS`;
            validation images are degraded by the same rule.
        blur_downscale_noise: For the degradation of that name.
        lr_files: For ``paired``: per scale the LR file of each HR file.
        storage: See :data:`igconv_sr.data.images.storage.Storage`.

    Raises:
        InputError: If a scale is no such number, a size is not positive or does not fit the scales, or there is no such
            degradation.
    """

    def __init__(
        self,
        name: str,
        train_files: Sequence[Path | RemoteFile],
        valid_files: Sequence[Path],
        *,
        scales: Sequence[float | str],
        lr_patch_size: int,
        global_batch_size: int,
        max_batch_per_device: int,
        scale_schedule: ScaleSchedule,
        seed: int,
        cache_dir: str,
        num_workers: int,
        degradation: str = DEFAULT_DEGRADATION,
        blur_downscale_noise: BlurDownscaleNoise | None = None,
        lr_files: Mapping[int, Mapping[Path, Path]] | None = None,
        storage: Storage = "decoded",
    ) -> None:
        super().__init__()
        self.scales = tuple(plain_scale(scale) for scale in scales)
        if not self.scales:
            raise InputError("data.scales=[] holds no scale; give data.scales=[2,3,4]")
        counts = {
            "lr_patch_size": lr_patch_size,
            "global_batch_size": global_batch_size,
            "max_batch_per_device": max_batch_per_device,
        }
        for key, value in counts.items():
            if value < 1:
                raise InputError(f"data.{key} must be at least 1, got {value}")
        _check_patch(lr_patch_size, self.scales)
        if scale_schedule not in ("all", "synchronised", "per_rank"):
            raise InputError(f"data.scale_schedule must be all, synchronised or per_rank, got {scale_schedule!r}")
        check_degradation(degradation)
        self.valid_name = name  # in results; another one where another set serves for validation
        check_storage(storage, train_files)
        self.storage = storage
        self.dataset_name, self.train_files, self.valid_files = name, list(train_files), list(valid_files)
        self.lr_patch_size, self.global_batch_size = lr_patch_size, global_batch_size
        self.max_batch_per_device, self.scale_schedule = max_batch_per_device, scale_schedule
        self.seed, self.cache, self.num_workers = seed, Path(cache_dir).expanduser(), num_workers
        self.store: ImageSource | None = None
        self.degradation_name, self.blur_downscale_noise = degradation, blur_downscale_noise
        self.lr_files = (
            paired_files(_paths(self.train_files), lr_files or {}, self.scales) if degradation == "paired" else {}
        )
        self.valid_pairs = self._valid_pairs(lr_files or {}) if degradation == "paired" else {}
        self.is_remote = any(isinstance(file, RemoteFile) for file in self.train_files)
        self.degradation: Degradation = MATLAB
        self.mixture: Mixture | None = None

    def describe(self) -> str:
        """One line that says what is trained on."""
        return f"Data: {self.dataset_name}, {len(self.train_files)} images, {len(self.valid_files)} for validation"

    @property
    def train_data(self) -> str:
        """Name for results: that of the data set, and of the degradation where it is not the usual one."""
        usual = self.degradation_name == DEFAULT_DEGRADATION
        return self.dataset_name if usual else f"{self.dataset_name} ({self.degradation_name})"

    @property
    def benchmark(self) -> Benchmark:
        """The validation images, degraded as the training's; the name says so where that is not the usual way."""
        name = named_by(self.valid_name, self.degradation_name)
        made = {"pil": Pil(), "blur_downscale_noise": self.blur_downscale_noise}
        own = made.get(self.degradation_name)
        only_pairs = self.degradation_name == "paired"
        return Benchmark(name, tuple(self.valid_files), self.valid_pairs, degradation=own, only_pairs=only_pairs)

    def _valid_pairs(self, lr_files: Mapping[int, Mapping[Path, Path]]) -> dict[float, dict[Path, Path]]:
        found = paired_files(self.valid_files, lr_files, self.scales)
        return {scale: dict(zip(self.valid_files, files, strict=True)) for scale, files in found.items()}

    def accumulate(self, world_size: int) -> int:
        """Micro-batches per optimiser step on each of ``world_size`` devices.

        Raises:
            InputError: If the global batch cannot be divided evenly.
        """
        per_device, rest = divmod(self.global_batch_size, world_size)
        if rest:
            raise InputError(
                f"data.global_batch_size={self.global_batch_size} cannot be shared by {world_size} devices; "
                f"use a multiple of {world_size}"
            )
        limit = min(self.max_batch_per_device, per_device)
        rows = next(rows for rows in range(limit, 0, -1) if per_device % rows == 0)
        return per_device // rows

    def check_validations(self, world_size: int, limit: float = 1.0) -> None:
        """Checks that each of ``world_size`` devices has a validation image to score, and each scale one.

        Args:
            world_size: Number of devices.
            limit: How many images each scores, or as a float which share of its own; 0: there is no validation.

        Raises:
            InputError: If there are too few.
        """
        count = len(self.valid_files) * len(self.scales)
        if count < world_size:
            raise InputError(
                f"{world_size} devices cannot share {count} validations ({len(self.valid_files)} images × "
                f"{len(self.scales)} scales); use trainer.devices={count}, or more images for validation"
            )
        own = [range(rank, count, world_size) for rank in range(world_size)]
        parts = [each[: limit if isinstance(limit, int) else int(len(each) * limit)] for each in own]
        if limit and max((part[-1] for part in parts if part), default=0) < count - len(self.valid_files):
            raise InputError(
                f"trainer.limit_val_batches={limit} leaves no validation image at ×{self.scales[-1]:g}; scales come "
                "one by one: give fewer images by data.valid_folder, or 0"
            )

    def scales_at(self, step: int) -> set[float]:
        """Scales of an optimiser step's rows, over all devices."""
        assert self.trainer is not None
        world_size = self.trainer.world_size
        pieces = self.accumulate(world_size) * world_size
        drawn = row_scales(self.scale_schedule, self.scales, self.seed, step, self.global_batch_size, pieces)
        return set(map(plain_scale, drawn.tolist()))

    def prepare_data(self) -> None:
        """Decodes or measures the images, once per machine."""
        if self.store is None:
            self._open()

    def _open(self) -> tuple[ImageSource, dict[float, ImageSource]]:
        """The HR images, and per scale the LR ones where they are read from files."""
        lr: dict[float, ImageSource] = {}
        for scale, files in self.lr_files.items():
            lr[scale] = open_images(files, self.cache, self.storage)
        return open_images(self.train_files, self.cache, self.storage), lr

    def setup(self, stage: str) -> None:
        """Opens the store, once, and says which images are too small for some scale.

        Raises:
            InputError: If images are damaged, or no image is large enough for a patch.
        """
        if stage != "fit" or self.store is not None:
            return
        check_sizes(self.valid_pairs)
        store, lr = self._open()
        self.degradation = named_degradation(self.degradation_name, store, lr, self.blur_downscale_noise)
        usable = usable_images(store.sizes, self.scales, self.lr_patch_size)
        if self.mixture is not None:
            self.mixture.split(usable)
        self.store = store
        for scale, images in usable.items():
            if too_small := len(store) - len(images):
                say(
                    f"{too_small} of {len(store)} images are smaller than a crop at ×{scale:g} "
                    f"({larger(self.lr_patch_size, scale)} pixels) and are used at smaller scales only"
                )
        first = range(min(_LOOKED_AT, len(store)))
        if not self.is_remote and (brightest := max(int(store[index].max()) for index in first)) < NEARLY_BLACK:
            say(
                f"Notice: the first {len(first)} images reach {brightest} of 255 values, nearly black; 16-bit files "
                "that hold 12 bits do: igconv-sr data check says more"
            )

    def train_dataloader(self) -> DataLoader[CropBatch]:
        """Micro-batches from the trainer's step on, without end."""
        assert self.trainer is not None
        assert self.store is not None
        accumulate = self.accumulate(self.trainer.world_size)
        layout = Layout(self.global_batch_size, accumulate, self.trainer.global_rank, self.trainer.world_size)
        crops = MixedScaleCrops(
            self.store,
            self.scales,
            self.lr_patch_size,
            self.scale_schedule,
            self.seed,
            layout,
            self.degradation,
            self.mixture,
        )
        return DataLoader(
            crops,
            batch_size=None,
            sampler=StepSampler(self.trainer.global_step * accumulate),
            num_workers=self.num_workers,
            pin_memory=isinstance(self.trainer.accelerator, CUDAAccelerator),
            worker_init_fn=ignore_signals,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Whole validation images at every scale, shared out over the ranks."""
        assert self.trainer is not None
        images = BenchmarkImages([self.benchmark], self.scales, self.trainer.global_rank, self.trainer.world_size)
        return DataLoader(images, batch_size=None)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ARG002 (Lightning's hook)
        """Makes a training batch of crops, on the device."""
        return to_batch(batch, self.degradation) if isinstance(batch, CropBatch) else batch


def _check_patch(size: int, scales: Sequence[float]) -> None:
    period = math.lcm(*(nearest_ratio(scale).q for scale in scales))
    if size % period:
        fitting = f"{size - size % period} or {size - size % period + period}" if size > period else f"{period}"
        listed = ", ".join(f"{scale:g}" for scale in scales)
        raise InputError(
            f"data.lr_patch_size={size} gives HR patches of no whole number of pixels at data.scales=[{listed}]; use a "
            f"multiple of {period}, such as {fitting}"
        )


def ignore_signals(worker_id: int) -> None:  # noqa: ARG001 (torch's hook)
    """Leaves Ctrl-C, SIGTERM and SIGUSR1 to the main process, which finishes its step and stops its workers."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


def _paths(files: Sequence[Path | RemoteFile]) -> list[Path]:
    if remote := next((file for file in files if isinstance(file, RemoteFile)), None):
        raise InputError(f"data.degradation=paired needs single files on this machine, not {remote}")
    return [file for file in files if isinstance(file, Path)]


class SampleData(MixedScaleData):
    """The free photographs inside scikit-image: enough to see everything work, too few for research.

    Args:
        crops: Arguments of :class:`MixedScaleData`.
    """

    def __init__(self, **crops: Any) -> None:
        super().__init__("sample", TRAINING_PHOTOGRAPHS, VALIDATION_PHOTOGRAPHS, **crops)

    def describe(self) -> str:
        """One line that says what is trained on."""
        return (
            f"Data: {len(self.train_files)} photographs that come with scikit-image (data=sample), for trying things "
            "out. For research train on DIV2K: make train data=div2k data.root=/path/to/DIV2K recipe=paper"
        )
