"""A picture of 8K with 2 GiB left: by the whole command, under a real limit of the system."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import save_safetensors

CARD = ModelCard(
    {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 16, "num_block": 2},
    {"_target_": "igconv_sr.upsamplers.IGConv", "_partial_": True, "hidden_dim": 8, "num_layers": 1, "fgrep": True}
    | {"igsample": True, "sample_hidden_dim": 8, "sample_num_layers": 1},
    [2, 3, 4],
    "edsr",
    "igconv_plus",
    "nothing",
    0,
)

_LIMITED = """
import resource, sys
from igconv_sr.upscale.upscale import main
weights, small, large, *options = sys.argv[1:]
main([small, "-o", "small", "--weights", weights, *options])  # all code is loaded, all threads are there
status = open("/proc/self/status").read().split()
taken = int(status[status.index("VmSize:") + 1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * 2**30,) * 2)
main([large, "-o", "large", "--weights", weights, *options])
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "jpg"])
def test_8k_with_2_gib_left(tmp_path: Path, form: str) -> None:
    """Single precision features of the result alone would take 64 GiB, its values 1.5 GiB."""
    torch.manual_seed(0)
    save_safetensors(CARD.build(), CARD, tmp_path / "net.safetensors")
    y, x = np.ogrid[:4320, :7680]
    waves = [np.sin(0.01 * y + channel) + np.sin(0.02 * x) for channel in range(3)]
    picture = Image.fromarray(((np.stack(waves, axis=-1) + 2) * 63.75).astype(np.uint8))
    picture.save(tmp_path / "8k.png", compress_level=1)
    picture.crop((0, 0, 300, 300)).save(tmp_path / "small.png")
    arguments = ["net.safetensors", "small.png", "8k.png", "--scale", "2", "--format", form]
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    Image.MAX_IMAGE_PIXELS, limit = None, Image.MAX_IMAGE_PIXELS
    try:
        with Image.open(next((tmp_path / "large").iterdir())) as result:
            assert result.size == (15360, 8640)
            result.draft("RGB", (1920, 1080))
            result.load()
    finally:
        Image.MAX_IMAGE_PIXELS = limit
