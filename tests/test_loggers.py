"""What real loggers have on disk after a real training."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto.wandb_internal_pb2 import Record

from commands import TINY, photographs, succeed

SCALARS = {
    "train/loss",
    "lr-Adam",
    "valid/psnr_y_mean",
    *(f"{name}_x{scale}" for name in ("train/l1", "train/frequency", "train/psnr_rgb") for scale in (2, 3, 4)),
    *(f"{name}_x{scale}" for name in ("train/steps", "valid/psnr_y", "valid/ssim_y") for scale in (2, 3, 4)),
}
IMAGES = {f"valid/images_x{scale}" for scale in (2, 3, 4)}


def train(tmp_path: Path, logger: str) -> str:
    photographs(tmp_path / "pictures")
    where = (f"data.root={tmp_path / 'pictures'}", f"paths.output_dir={tmp_path / 'run'}")
    return succeed("train", f"logger={logger}", *TINY, *where, "debug=fast", cwd=tmp_path)


def records(file: Path) -> Iterator[Record]:
    """Reads W&B's log: a header of 7 bytes, then blocks of 32 KiB of (checksum, length, kind, data)."""
    data, position, parts = file.read_bytes(), 7, b""
    while position + 7 <= len(data):
        rest = 2**15 - position % 2**15
        if rest < 7:
            position += rest
            continue
        length, kind = struct.unpack_from("<HB", data, position + 4)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last of several parts
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def test_wandb_without_an_account_is_offline_says_so_and_holds_everything(tmp_path: Path) -> None:
    assert "W&B: offline" in train(tmp_path, "wandb")
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    logged: set[str] = set()
    configured: set[str] = set()
    for record in records(file):
        logged |= {item.nested_key[0] for item in record.history.item}
        configured |= {item.key for item in record.run.config.update} | {i.key for i in record.config.update}
    assert logged >= SCALARS | IMAGES
    assert any(key.startswith("upsampler") for key in configured)
    assert len(list(file.parent.glob("files/media/images/valid/*.png"))) >= 3


def test_tensorboard_holds_everything(tmp_path: Path) -> None:
    train(tmp_path, "tensorboard")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) >= SCALARS
    assert set(events.Tags()["images"]) == IMAGES
    image = events.Images("valid/images_x2")[-1]
    assert image.width == 4 * image.height == pytest.approx(4 * 64)
