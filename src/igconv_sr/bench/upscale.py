"""A folder of small pictures by ``igconv-sr upscale`` against the network alone on their pixels."""

import shutil
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igconv_sr.data.sources.sample import TRAINING_PHOTOGRAPHS
from igconv_sr.inference.enlargement import Enlargement
from igconv_sr.inference.upscaler import Upscaler
from igconv_sr.measure.comparison import Comparison
from igconv_sr.measure.nets import build
from igconv_sr.pictures.decoding import UInt8Image, read_rgb
from igconv_sr.upscale.batch import BatchUpscaling
from igconv_sr.upscale.messages import Messages
from igconv_sr.upscale.planning import plan

_SCALE = 3


def folder_against_network(model: str = "smfanet_small", pictures: int = 100, side: int = 96) -> Comparison:
    """Reading, computing and writing so many pictures, and computing alone; kernels are generated beforehand."""
    # Gone with the last side that uses it.
    folder = tempfile.TemporaryDirectory(prefix="igconv-sr-bench-")
    source, target = Path(folder.name) / "in", Path(folder.name) / "out"
    photographs = [read_rgb(path) for path in TRAINING_PHOTOGRAPHS]
    source.mkdir()
    crops = [_crop(photographs[index % len(photographs)], index, side) for index in range(pictures)]
    for index, crop in enumerate(crops):
        Image.fromarray(crop).save(source / f"{index:03}.png")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = build(model, "igconv_plus").eval().to(device)
    upscaler = Upscaler(net, device)
    folded = upscaler.prepare(Fraction(_SCALE)).net

    def ours() -> Sequence[Tensor]:
        shutil.rmtree(target, ignore_errors=True)
        jobs = plan([str(source)], str(target), "x3", "png").jobs
        messages = Messages(len(jobs), to_stderr=False, quiet=True)
        BatchUpscaling(upscaler, Enlargement(Fraction(_SCALE)), messages, overwrite=False).run(jobs)
        return [torch.from_numpy(read_rgb(path)).float() for path in sorted(target.iterdir())[:2]]

    @torch.no_grad()
    def reference() -> Sequence[Tensor]:
        assert folder
        results = []
        for crop in crops:
            lr = torch.from_numpy(crop).to(device).movedim(-1, 0)[None] / 255
            sr = folded(lr.contiguous(memory_format=torch.channels_last), _SCALE)
            results.append((sr[0].movedim(0, -1).clamp(0, 1) * 255 + 0.5).floor())
        return results[:2]

    name = f"upscale / network alone: {model}, {pictures} PNG of {side}² to ×{_SCALE}"
    return Comparison(name, ours, reference, limit=1 / 0.9)


def _crop(photograph: UInt8Image, index: int, side: int) -> UInt8Image:
    top, left = (7 * index) % (photograph.shape[0] - side), (13 * index) % (photograph.shape[1] - side)
    return np.ascontiguousarray(photograph[top : top + side, left : left + side])
