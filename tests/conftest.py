"""What several test files need: reference material, small networks, a cache of their own."""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from igconv_sr.encoders import EDSR
from igconv_sr.network import SRNet
from igconv_sr.upsamplers import IGConv

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(*parts: str) -> Path:
    """A path in the reference material that lies beside this checkout in the project's own CI."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"reference material {path} is not on this machine")
    return path


class Golden(NamedTuple):
    meta: dict[str, Any]
    state_dict: dict[str, Tensor]
    arrays: dict[str, Tensor]


def golden(name: str) -> Golden:
    """One reference file of an authors' model: its description, its weights, its inputs and outputs."""
    with np.load(shared("golden", f"{name}.npz")) as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files if key != "meta"}
        meta = json.loads(str(file["meta"])) if "meta" in file.files else {}
    weights = {key.removeprefix("sd/"): arrays.pop(key) for key in list(arrays) if key.startswith("sd/")}
    return Golden(meta, weights, arrays)


def relative_error(ours: Tensor, reference: Tensor) -> float:
    """max|ours - reference| / max|reference|."""
    return ((ours - reference).abs().max() / reference.abs().max()).item()


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded images go to a folder of the test session, also in the commands it starts."""
    os.environ["IGCONV_SR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["IGCONV_SR_CACHE"]


@pytest.fixture
def small_net() -> SRNet:
    """EDSR with 8 channels and IGConv+, trained at nothing."""
    torch.manual_seed(0)
    upsampler = partial(
        IGConv, hidden_dim=16, num_layers=1, fgrep=True, igsample=True, sample_hidden_dim=8, sample_num_layers=1
    )
    return SRNet(EDSR(num_feat=8, num_block=1), upsampler, scales=(2, 3, 4))
