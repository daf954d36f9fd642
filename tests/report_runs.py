"""Folders as trainings and evaluations leave them, with numbers that a test chooses."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from igconv_sr.runs.results import COLUMNS, IMAGE_END, IMAGE_START, MEASURES

Scores = Mapping[tuple[str, float], Mapping[str, tuple[float, float]]]
"""By benchmark and scale: PSNR and SSIM on luma by image."""


def config(upsampler: Mapping[str, Any], scales: Sequence[int | str], seed: int = 0) -> dict[str, Any]:
    """What matters of a training's configuration."""
    return {
        "seed": seed,
        "paths": {"output_dir": f"somewhere/{seed}"},
        "model": {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 8},
        "upsampler": {"_partial_": True, **upsampler},
        "data": {"_target_": "igconv_sr.data.SampleData", "scales": list(scales), "seed": seed},
        "loss": {"l1": 1.0, "frequency": 0},
        "optim": {"optimizer": {"lr": 0.002}},
        "trainer": {"max_steps": 5, "devices": 1},
    }


SPCONV = {"_target_": "igconv_sr.upsamplers.SPConv"}
IGCONV = {"_target_": "igconv_sr.upsamplers.IGConv", "fgrep": False, "igsample": False}


def write_run(folder: Path, scores: Scores, settings: Mapping[str, Any] | None = None, **columns: Any) -> Path:
    """Writes ``results.csv``, ``results_per_image.csv`` and, with settings, ``config.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    source = {
        "model": "edsr_small",
        "upsampler": "igconv",
        "fgrep": False,
        "params": 1000,
        "train_data": "sample",
        "steps": 5,
        "seed": 0 if settings is None else settings["seed"],
        "protocol": "standard",
        "checkpoint": str(folder / "checkpoints" / "last.ckpt"),
        "commit": "0123456789ab",
    } | columns
    if settings is not None:
        (folder / "config.yaml").write_text(yaml.safe_dump(dict(settings)))
    means, images = [], []
    for (benchmark, scale), values in scores.items():
        place = {"benchmark": benchmark, "scale": scale}
        for image, (psnr, ssim) in values.items():
            measured = {"psnr_y": psnr, "ssim_y": ssim, "psnr_rgb": psnr - 2}
            images.append({**source, **place, **measured, "image": image, "hr_file": f"/nowhere/{image}.png"})
        mean = {name: math.fsum(row[name] for row in images[-len(values) :]) / len(values) for name in MEASURES}
        means.append({**source, **place, **mean, "images": len(values)})
    _write(folder / "results.csv", COLUMNS, means)
    _write(folder / "results_per_image.csv", (*IMAGE_START, *IMAGE_END), images)
    return folder


def write_bicubic(folder: Path, scores: Scores, **columns: Any) -> Path:
    """Writes an evaluation of bicubic."""
    none = {"upsampler": "", "fgrep": "", "params": 0, "train_data": "", "steps": 0, "seed": "", "checkpoint": ""}
    return write_run(folder, scores, None, model="bicubic", **none, **columns)


def edit_rows(folder: Path, change: Callable[[dict[str, str]], None]) -> None:
    """Changes every row of the tables below a folder."""
    for table in (*folder.rglob("results.csv"), *folder.rglob("results_per_image.csv")):
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            change(row)
        _write(table, tuple(rows[0]), rows)


def _write(path: Path, names: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
