"""Steps captured as CUDA graphs are the steps that Python runs; without a GPU only that nothing is captured."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from igconv_sr.bench.training_loop import run_training
from igconv_sr.encoders import Encoder
from igconv_sr.training.forward_pass import CapturedForwardPass

STEPS = 6

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="captures on a GPU: there is none here")


class Watch(Callback):
    """Notes the losses, and whether a graph gave them."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.captured: list[bool] = []
        self.weights: dict[str, torch.Tensor] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(float(outputs["loss"]))
        given = pl_module.forward_pass
        self.captured.append(isinstance(given, CapturedForwardPass) and given._graphs is not None)
        self.weights = {name: value.cpu().clone() for name, value in pl_module.state_dict().items()}


def train(*overrides: str) -> Watch:
    watch = Watch()
    sizes = ("data.lr_patch_size=16", "data.global_batch_size=6", f"trainer.max_steps={STEPS}")
    run_training([*overrides, *sizes], watch)
    return watch


def test_a_processor_captures_nothing() -> None:
    if torch.cuda.is_available():
        pytest.skip("the default device is a GPU here")
    assert train("model=edsr_small").captured == [False] * STEPS


@needs_cuda
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("model", ["edsr_small", "swinir", "atd"])
def test_captured_steps_are_the_same_steps(model: str, precision: str) -> None:
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        plain = train(f"model={model}", f"trainer.precision={precision}", "trainer.compile=false")
        captured = train(f"model={model}", f"trainer.precision={precision}")
    finally:
        torch.use_deterministic_algorithms(mode=False)
    assert captured.captured == [True] * STEPS
    assert plain.captured == [False] * STEPS
    assert captured.losses == pytest.approx(plain.losses, rel=1e-3 if precision == "bf16-mixed" else 1e-5)
    assert captured.weights.keys() == plain.weights.keys()


@needs_cuda
def test_micro_batches_are_not_captured() -> None:
    assert not any(train("model=edsr_small", "data.max_batch_per_device=3").captured)


@needs_cuda
def test_what_cannot_be_captured_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from igconv_sr.encoders import EDSR

    plain_forward = EDSR.forward

    def waits(self: Encoder, x: torch.Tensor) -> torch.Tensor:
        x.mean().item()
        return plain_forward(self, x)

    monkeypatch.setattr(EDSR, "forward", waits)
    watch = train("model=edsr_small")
    assert watch.captured == [False] * STEPS
    assert all(value == value for value in watch.losses)
    printed = capsys.readouterr()
    assert "without CUDA graphs" in printed.out + printed.err
