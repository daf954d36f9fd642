"""Names of devices, and what is said of those that are not there."""

import pytest
import torch

from igconv_sr.errors import InputError
from igconv_sr.inference.device import choose_device


def test_a_processor_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cuda:1", "torch finds no CUDA device"),
        ("cuda", "torch finds no CUDA device"),
        ("tpu", "is none of auto, cpu"),
        ("cuda:", "is none of auto, cpu"),
        ("cpu:3", "torch finds 1, counted from 0"),
    ],
)
def test_what_is_not_there_is_said(name: str, said: str) -> None:
    with pytest.raises(InputError, match=f"--device {name}.*{said}"):
        choose_device(name)
