"""A compiled training is the same training: no part of it falls back to Python or is compiled again and again."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch._dynamo.utils import counters

from igconv_sr.bench.training_loop import run_training
from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.training.acceleration import accelerate, compiled_parts

STEPS = 5


class Watch(Callback):
    """Notes the losses, and how much was compiled until each step."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.graphs: list[int] = []
        self.keys: set[str] = set()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(float(outputs["loss"]))
        self.graphs.append(counters["stats"]["unique_graphs"])
        self.keys = set(pl_module.state_dict())


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()
    counters.clear()


def train(model: str, compiled: bool) -> Watch:
    watch = Watch()
    sizes = ("data.lr_patch_size=8", "data.global_batch_size=3", f"trainer.max_steps={STEPS}")
    # What is generated for a processor depends on its compiler; which parts are compiled does not.
    with torch.compiler.set_stance(force_backend="aot_eager"):
        run_training([f"model={model}", *sizes, f"trainer.compile={compiled}"], watch)
    return watch


@pytest.mark.parametrize("model", ["edsr_small", pytest.param("hit_srf", marks=pytest.mark.slow)])
def test_a_compiled_training_has_no_breaks_and_compiles_at_its_first_step_alone(model: str) -> None:
    plain = train(model, compiled=False)
    assert plain.graphs == [0] * STEPS
    compiled = train(model, compiled=True)
    assert not counters["graph_break"]
    assert compiled.graphs == [3] * STEPS  # the encoder and two hyper-networks
    assert compiled.keys == plain.keys
    assert compiled.losses == pytest.approx(plain.losses, rel=1e-3)


def test_weights_keep_their_names(small_net: SRNet) -> None:
    before = list(small_net.state_dict())
    accelerate(small_net, Trainer(accelerator="cpu", logger=False), compiled=True)
    assert len(compiled_parts(small_net)) == 3
    assert all(part._compiled_call_impl is not None for part in compiled_parts(small_net))
    assert list(small_net.state_dict()) == before


def test_processors_do_not_compile_unless_told(small_net: SRNet) -> None:
    accelerate(small_net, Trainer(accelerator="cpu", logger=False, precision="bf16-mixed"), compiled="auto")
    assert all(part._compiled_call_impl is None for part in compiled_parts(small_net))
    assert all(parameter.is_contiguous() for parameter in small_net.parameters())


@pytest.mark.parametrize("given", ["always", None, 2])
def test_other_values_are_refused(small_net: SRNet, given: Any) -> None:
    with pytest.raises(InputError, match=f"trainer.compile={given} must be auto, true or false"):
        accelerate(small_net, Trainer(accelerator="cpu", logger=False), given)
