"""Steps captured as CUDA graphs are the steps that Python runs; without a GPU only that nothing is captured."""

import contextlib
import gc
import weakref
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
from igconv_sr.encoders import EDSR, Encoder, SwinIR
from igconv_sr.layers.windows import border_mask
from igconv_sr.losses import WeightedLoss
from igconv_sr.network import SRNet
from igconv_sr.training.acceleration import CapturedSteps
from igconv_sr.training.forward_pass import CapturedForwardPass, ForwardPass
from igconv_sr.upsamplers import IGConv, SPConv

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
        self.captured.append(isinstance(given, CapturedForwardPass) and given._captured_for(batch) is not None)
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


class Captures:
    """Stands in for CUDA graphs: runs what it was given once, as a warm-up does, and then the scales it was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[weakref.ref[nn.Module]] = []
        self.fails_at = -1
        monkeypatch.setattr(torch.cuda, "make_graphed_callables", self.capture)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
        monkeypatch.setattr(torch.random, "fork_rng", lambda _: contextlib.nullcontext())

    def capture(
        self, module: nn.Module, inputs: tuple[torch.Tensor, ...], allow_unused_input: bool = False, pool: object = None
    ) -> nn.Module:
        del pool
        if len(self.made) == self.fails_at:
            raise torch.OutOfMemoryError("CUDA out of memory")
        values = module(*inputs)[0]
        torch.autograd.grad(values, list(module.parameters()), torch.ones_like(values), allow_unused=allow_unused_input)
        module.__dict__["itself"] = module  # a circle, as torch makes one
        self.made.append(weakref.ref(module))
        return module


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> Captures:
    return Captures(monkeypatch)


@pytest.mark.parametrize(
    ("rows", "schedule", "kinds"), [(6, "all", 1), (8, "all", 3), (2, "all", 3), (8, "synchronised", 3)]
)
@pytest.mark.parametrize("upsampler", ["shared", "a head per scale"])
def test_each_kind_of_batch_has_its_own_graphs(
    captures: Captures, small_net: SRNet, upsampler: str, rows: int, schedule: ScaleSchedule, kinds: int
) -> None:
    """Published recipes have 16, 32 or 64 rows: a step holds one row more of each scale in turn."""
    net = small_net if upsampler == "shared" else SRNet(EDSR(num_feat=8, num_block=1), SPConv, scales=(2, 3, 4))
    loss = WeightedLoss(l1=1.0)
    plain, captured = ForwardPass(net, loss), CapturedForwardPass(net, loss)
    for batch in batches(rows, schedule):
        torch.testing.assert_close(captured(batch).values, plain(batch).values)
        assert captured._captured_for(batch) is not None
    assert len(captures.made) == kinds


def test_tables_that_graphs_read_outlive_a_validation(captures: Captures) -> None:
    """Replaying graphs asks for no table, which is forgotten after those of 32 sizes of validation images."""
    net = SRNet(SwinIR(8, (2,), (2,), window_size=4, img_size=8), IGConv, scales=(2, 3, 4))
    captured = CapturedForwardPass(net, WeightedLoss(l1=1.0))
    captured(next(batches(3, "all")))
    cpu = torch.device("cpu")
    mask = weakref.ref(border_mask(8, 8, 4, 2, 1, cpu))
    for windows in range(3, 50):
        border_mask(4 * windows, 8, 4, 2, 1, cpu)
    assert mask() is not border_mask(8, 8, 4, 2, 1, cpu)
    assert mask() is not None
    del captured
    gc.collect()
    assert mask() is None
    assert len(captures.made) == 1


def test_a_failure_gives_the_memory_of_all_graphs_back(captures: Captures, small_net: SRNet) -> None:
    """Steps that run as ever cannot use what graphs hold: a training that fits into memory alone would end there."""
    captures.fails_at = 1
    loss = WeightedLoss(l1=1.0)
    plain, captured = ForwardPass(small_net, loss), CapturedForwardPass(small_net, loss)
    for step, batch in enumerate(batches(8, "all")):
        torch.testing.assert_close(captured(batch).values, plain(batch).values)
        assert (captures.made[0]() is not None) == (step == 0)
    assert len(captures.made) == 1


def test_the_end_of_a_training_gives_the_memory_of_its_graphs_back(captures: Captures, small_net: SRNet) -> None:
    class Module(LightningModule):
        forward_pass: ForwardPass = CapturedForwardPass(small_net, WeightedLoss(l1=1.0))

    module, batch = Module(), next(batches(6, "all"))
    module.forward_pass(batch)
    assert captures.made[0]() is not None
    CapturedSteps().on_train_end(Trainer(accelerator="cpu", logger=False), module)
    assert captures.made[0]() is None
    assert type(module.forward_pass) is ForwardPass


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
