"""What a data set on disk says of itself before a training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from igconv_sr.data.batches.folder_datamodules import FolderData

CROPS: dict[str, Any] = {
    "scales": [2],
    "lr_patch_size": 8,
    "global_batch_size": 1,
    "max_batch_per_device": 1,
    "scale_schedule": "all",
    "seed": 0,
    "num_workers": 0,
}


@pytest.mark.parametrize(("bits", "told"), [(8, None), (12, "the first 3 images reach 15 of 255 values"), (16, None)])
def test_images_of_12_bits_in_16_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bits: int, told: str | None
) -> None:
    full = np.linspace(0, 2**bits - 1, 32 * 32).reshape(32, 32)
    for name in "abcd":
        pixels = full.astype(np.uint8 if bits == 8 else np.uint16)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    FolderData("folder", str(tmp_path), cache_dir=str(tmp_path / "cache"), **CROPS).setup("fit")
    said = capsys.readouterr().out
    assert "nearly black" not in said if told is None else told in said
