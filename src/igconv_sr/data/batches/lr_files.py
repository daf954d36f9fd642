"""LR patches read from files that lie beside the HR ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from igconv_sr.data.batches.degradation import PatchDegradation, PatchPlace
from igconv_sr.data.images.store import ImageSource
from igconv_sr.errors import InputError
from igconv_sr.functional.paired_size import paired_size
from igconv_sr.pictures.decoding import UInt8Image, read_size
from igconv_sr.scale import nearest_ratio


class Paired(PatchDegradation):
    """Cuts the LR patch from an LR image.

    Args:
        hr: The HR images.
        lr: Per scale the LR images, in the order of the HR ones.

    Raises:
        InputError: If an LR image has another size than its HR image divided by the scale, remainders left out.
    """

    def __init__(self, hr: ImageSource, lr: Mapping[float, ImageSource]) -> None:
        self.lr = dict(lr)
        for scale, store in self.lr.items():
            p, q = nearest_ratio(scale)
            expected = hr.sizes // p * q
            for number in (store.sizes != expected).any(axis=1).nonzero()[0][:1]:
                (height, width), right = store.sizes[number], expected[number]
                raise InputError(
                    f"data.degradation=paired: {store.names[number]} has {width}×{height} pixels; for ×{scale:g} of "
                    f"{hr.names[number]} it must have {right[1]}×{right[0]}"
                )

    def patch(self, image: UInt8Image, place: PatchPlace) -> UInt8Image:  # noqa: ARG002 (HR pixels tell nothing here)
        """The LR patch at a place."""
        rows, columns = slice(place.top, place.top + place.side), slice(place.left, place.left + place.side)
        return self.lr[place.scale][place.number][rows, columns]


def paired_files(
    hr_files: Sequence[Path], lr_files: Mapping[int, Mapping[Path, Path]], scales: Sequence[float]
) -> dict[float, list[Path]]:
    """LR files in the order of the HR ones.

    Args:
        hr_files: HR image files.
        lr_files: Per scale the LR file of each HR file, as :mod:`igconv_sr.data.sources.layouts` finds them.
        scales: Scales of the training.

    Returns:
        Per scale the files in the order of the HR ones.

    Raises:
        InputError: If there are none at a scale, or one is missing.
    """
    advice = "or let LR be made: data.degradation=matlab"
    files: dict[float, list[Path]] = {}
    for scale in scales:
        found = next((own for whole, own in lr_files.items() if whole == scale), {})
        if not found:
            raise InputError(
                f"data.degradation=paired: no LR images for ×{scale:g} found beside the HR ones; add them, {advice}"
            )
        files[scale] = [found.get(path, path) for path in hr_files]
        missing = [lr for lr, hr in zip(files[scale], hr_files, strict=True) if lr == hr or not lr.is_file()]
        if missing:
            raise InputError(
                f"data.degradation=paired: {missing[0]} is missing, or has no LR image ({len(missing)} of "
                f"{len(hr_files)} for ×{scale:g}); add it, {advice}"
            )
    return files


def check_sizes(lr_files: Mapping[float, Mapping[Path, Path]]) -> None:
    """Compares the sizes of validation pairs before the training starts, by the headers of the files.

    Raises:
        InputError: If an LR image has another size than its HR image divided by the scale, remainders left out.
    """
    for scale, pairs in lr_files.items():
        for hr, lr in pairs.items():
            be = read_size(lr)
            should = tuple(paired_size(size, scale)[0] for size in read_size(hr))
            if be != should:
                raise InputError(
                    f"data.degradation=paired: {lr} has {be[1]}×{be[0]} pixels; for ×{scale:g} of {hr} it must have "
                    f"{should[1]}×{should[0]}"
                )
