"""LR patches read from files that lie beside the HR ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from igconv_sr.data.degradation import PatchDegradation, Place
from igconv_sr.data.images import UInt8Image
from igconv_sr.data.store import ImageStore
from igconv_sr.errors import InputError


class Paired(PatchDegradation):
    """Cuts the LR patch from an LR image.

    Args:
        hr: The HR images.
        lr: Per scale the LR images, in the order of the HR ones.

    Raises:
        InputError: If an LR image has another size than its HR image divided by the scale, remainders left out.
    """

    def __init__(self, hr: ImageStore, lr: Mapping[int, ImageStore]) -> None:
        self.lr = dict(lr)
        for scale, store in self.lr.items():
            expected = hr.sizes // scale
            for number in (store.sizes != expected).any(axis=1).nonzero()[0][:1]:
                (height, width), (should, be) = store.sizes[number], expected[number]
                raise InputError(
                    f"data.degradation=paired: {store.names[number]} has {height}×{width} pixels; for ×{scale} of "
                    f"{hr.names[number]} it must have {should}×{be}"
                )

    def patch(self, image: UInt8Image, place: Place) -> UInt8Image:  # noqa: ARG002 (HR pixels tell nothing here)
        """The LR patch at a place."""
        rows, columns = slice(place.top, place.top + place.side), slice(place.left, place.left + place.side)
        return self.lr[place.scale][place.number][rows, columns]


def find_lr_files(hr_files: Sequence[Path], hr_folder: Path, scales: Sequence[int]) -> dict[int, list[Path]]:
    """LR files where DIV2K has them: ``DIV2K_train_LR_bicubic/X2/0001x2.png`` for ``DIV2K_train_HR/0001.png``.

    Args:
        hr_files: HR image files.
        hr_folder: Their folder; its name holds ``HR``.
        scales: Scales of the training.

    Returns:
        Per scale the files in the order of the HR ones.

    Raises:
        InputError: If a file is missing, or the folder's name does not show where they would be.
    """
    before, found, after = hr_folder.resolve().name.rpartition("HR")
    if not found:
        raise InputError(
            f"data.degradation=paired: {hr_folder} has no HR in its name, as DIV2K_train_HR has, so that there is no "
            "telling where its LR images are"
        )
    lr_folder = hr_folder.resolve().with_name(f"{before}LR_bicubic{after}")
    files = {r: [lr_folder / f"X{r}" / f"{path.stem}x{r}{path.suffix}" for path in hr_files] for r in scales}
    for scale, of_scale in files.items():
        missing = [path for path in of_scale if not path.is_file()]
        if missing:
            raise InputError(
                f"data.degradation=paired: {missing[0]} is missing ({len(missing)} of {len(of_scale)} LR images for "
                f"×{scale} are); add it, or let LR be made: data.degradation=matlab"
            )
    return files
