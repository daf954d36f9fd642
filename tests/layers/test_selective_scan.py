"""The selective scan against a loop over positions in float64."""

import importlib.util

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from igconv_sr.layers import chunked_scan as chunked
from igconv_sr.layers import selective_scan as module
from igconv_sr.layers.selective_scan import selective_scan


def loop(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, bias: Tensor, softplus: bool) -> Tensor:
    """The recurrence, one position after the other."""
    step = F.softplus(delta + bias) if softplus else delta + bias
    state = torch.zeros(u.shape[0], *a.shape, dtype=u.dtype)
    outputs = []
    for t in range(u.shape[1]):
        state = torch.exp(step[:, t, ..., None] * a) * state + (step * u)[:, t, ..., None] * b[:, t, :, None]
        outputs.append((state * c[:, t, :, None]).sum(-1) + d * u[:, t])
    return torch.stack(outputs, dim=1)


def operands(length: int, softplus: bool = True, batch: int = 2, groups: int = 4) -> list[Tensor]:
    """Random u, delta, A, B, C, D and bias in float64; without softplus the step sizes are positive."""
    generator = torch.Generator().manual_seed(length)
    channels, states = 5, 3

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    u, delta, b, c = (normal(batch, length, groups, size) for size in (channels, channels, states, states))
    bias = normal(groups, channels)
    if not softplus:
        delta, bias = delta.abs(), bias.abs()
    a = -torch.exp(normal(groups, channels, states))
    return [x.requires_grad_() for x in (u, delta, a, b, c, normal(groups, channels), bias)]


def relative(ours: Tensor, reference: Tensor) -> float:
    return ((ours - reference).abs().max() / reference.abs().max().clamp(min=1e-30)).item()


@pytest.fixture(params=[1, 4], ids=["one lane", "four lanes"])
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scans in lanes, as on an accelerator, too."""
    initialise = chunked._Scan.__init__

    def with_lanes(self: chunked._Scan, *args: object) -> None:
        initialise(self, *args)
        self.lanes = request.param

    monkeypatch.setattr(chunked._Scan, "__init__", with_lanes)


@pytest.mark.usefixtures("lanes")
@pytest.mark.parametrize("softplus", [True, False])
@pytest.mark.parametrize("length", [1, 63, 64, 65, 200])
def test_equals_the_loop_with_all_gradients(length: int, softplus: bool) -> None:
    inputs = operands(length, softplus)
    ours, reference = selective_scan(*inputs, softplus), loop(*inputs, softplus)
    assert relative(ours, reference) < 1e-13
    weights = torch.randn_like(reference)
    ours_by = torch.autograd.grad((ours * weights).sum(), inputs)
    reference_by = torch.autograd.grad((reference * weights).sum(), inputs)
    for name, x, y in zip(("u", "delta", "a", "b", "c", "d", "bias"), ours_by, reference_by, strict=True):
        assert relative(x, y) < 1e-12, name


@pytest.mark.usefixtures("lanes")
def test_gradcheck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "_CHUNK", 4)
    inputs = operands(9, batch=1, groups=1)
    assert torch.autograd.gradcheck(lambda *x: selective_scan(*x, True), inputs)


def test_float32_is_as_exact_as_float32_can_be() -> None:
    inputs = operands(200)
    reference = loop(*inputs, True)
    ours = selective_scan(*(x.float() for x in inputs), True)
    assert ours.dtype == torch.float32
    assert relative(ours, reference) < 1e-6


@pytest.mark.parametrize("step", [0.0, 1e-8, 30.0, 1e4])
def test_stays_finite_for_extreme_step_sizes(step: float) -> None:
    u, delta, a, b, c, d, bias = (x.detach().float().requires_grad_() for x in operands(100))
    delta = torch.full_like(delta, step).requires_grad_()
    y = selective_scan(u, delta, a, b, c, d, bias * 0)
    gradients = torch.autograd.grad(y.sum(), (u, delta, a, b, c))
    assert all(x.isfinite().all() for x in (y, *gradients))


def test_half_precision_inputs_are_computed_in_float32_also_under_autocast() -> None:
    inputs = [x.detach().bfloat16().requires_grad_() for x in operands(70)]
    with torch.autocast("cpu", torch.bfloat16):
        y = selective_scan(*inputs, True)
        y.sum().backward()
    assert y.dtype == torch.float32
    assert relative(y, loop(*(x.double() for x in inputs), True)) < 1e-5
    assert all(x.grad is not None and x.grad.dtype == torch.bfloat16 for x in inputs)


def test_optional_operands_are_zero() -> None:
    u, delta, a, b, c, d, bias = operands(8, softplus=False)
    y = selective_scan(u, delta, a, b, c)
    torch.testing.assert_close(y, selective_scan(u, delta, a, b, c, d * 0, bias * 0))


def test_is_a_sound_operator_for_compile_and_export() -> None:
    torch.library.opcheck(chunked.chunked_scan, (*operands(40, batch=1), True))


def test_memory_does_not_grow_with_length_times_states(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    empty = torch.empty

    def recorded(*args: object, **options: object) -> Tensor:
        out = empty(*args, **options)
        sizes.append(out.numel())
        return out

    monkeypatch.setattr(torch, "empty", recorded)
    u, delta, a, b, c, d, bias = operands(512)
    selective_scan(u, delta, a, b, c, d, bias, True).sum().backward()
    assert max(sizes) <= u.numel()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.skipif(importlib.util.find_spec("mamba_ssm") is None, reason="needs the package mamba_ssm")
def test_equals_the_kernel_of_mamba_ssm(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [x.detach().float().cuda().requires_grad_() for x in operands(200)]
    kernel = selective_scan(*inputs, True)
    kernel_by = torch.autograd.grad(kernel.sum(), inputs)
    monkeypatch.setattr(module, "_MAMBA_IS_INSTALLED", False)
    ours = selective_scan(*inputs, True)
    ours_by = torch.autograd.grad(ours.sum(), inputs)
    for x, y in zip((ours, *ours_by), (kernel, *kernel_by), strict=True):
        assert relative(x, y) < 1e-4
