"""Steps captured as CUDA graphs are the steps that Python runs; without a GPU only that nothing is captured."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from igconv_sr.bench.training_loop import run_training
from igconv_sr.data import Batch
from igconv_sr.data.batches.schedule import ScaleSchedule, row_scales
from igconv_sr.encoders import Encoder
from igconv_sr.losses import WeightedLoss
from igconv_sr.network import SRNet
from igconv_sr.training.forward_pass import CapturedForwardPass, ForwardPass

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
        self.captured.append(isinstance(given, CapturedForwardPass) and given._graphs_for(batch) is not None)
        self.weights = {name: value.cpu().clone() for name, value in pl_module.state_dict().items()}


def train(*overrides: str) -> Watch:
    watch = Watch()
    sizes = ("data.lr_patch_size=16", "data.global_batch_size=6", f"trainer.max_steps={STEPS}")
    run_training([overrides[0], *sizes, *overrides[1:]], watch)
    return watch


def test_a_processor_captures_nothing() -> None:
    if torch.cuda.is_available():
        pytest.skip("the default device is a GPU here")
    assert train("model=edsr_small").captured == [False] * STEPS


def batches(rows: int, schedule: ScaleSchedule) -> Iterator[Batch]:
    """Of steps 0, 1, …, their scales as those of a training."""
    generator = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        drawn = Counter(row_scales(schedule, (2, 3, 4), 0, step, rows, 1).tolist())
        groups = sorted(drawn.items())
        hr = [torch.rand(count, 3, int(8 * scale), int(8 * scale), generator=generator) for scale, count in groups]
        yield Batch(torch.rand(rows, 3, 8, 8, generator=generator), hr, groups, [""] * rows)


@pytest.mark.parametrize(
    ("rows", "schedule", "kinds"), [(6, "all", 1), (8, "all", 3), (2, "all", 3), (8, "synchronised", 3)]
)
def test_each_kind_of_batch_has_its_own_graphs(
    monkeypatch: pytest.MonkeyPatch, small_net: SRNet, rows: int, schedule: ScaleSchedule, kinds: int
) -> None:
    """Published recipes have 16, 32 or 64 rows: a step holds one row more of each scale in turn.

    What stands in for a pair of graphs runs the scales that it was captured with, as graphs would.
    """
    made: list[nn.Module] = []

    def capture(module: nn.Module, inputs: tuple[torch.Tensor, ...], pool: object) -> nn.Module:
        made.append(module)
        return module

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", capture)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
    monkeypatch.setattr(torch.random, "fork_rng", lambda _: contextlib.nullcontext())
    loss = WeightedLoss(l1=1.0)
    plain, captured = ForwardPass(small_net, loss), CapturedForwardPass(small_net, loss)
    for batch in batches(rows, schedule):
        torch.testing.assert_close(captured(batch).values, plain(batch).values)
        assert captured._graphs_for(batch) is not None
    assert len(made) == kinds


@needs_cuda
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("edsr_small", ()),
        ("edsr_small", ("data.global_batch_size=8",)),
        ("edsr_small", ("data.scale_schedule=synchronised",)),
        ("swinir", ()),
        ("atd", ()),
    ],
)
def test_captured_steps_are_the_same_steps(model: str, more: tuple[str, ...], precision: str) -> None:
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        plain = train(f"model={model}", f"trainer.precision={precision}", "trainer.compile=false", *more)
        captured = train(f"model={model}", f"trainer.precision={precision}", *more)
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
