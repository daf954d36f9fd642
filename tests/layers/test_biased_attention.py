"""The attention with its own backward pass against softmax(QKᵀ + bias)V in double precision."""

import pytest
import torch
from torch import Tensor

from conftest import relative_error
from igconv_sr.layers.attention import attend
from igconv_sr.layers.biased_attention import attend_with_bias, needs_own_backward


def operands(windows: int, keys: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(windows)
    shapes = ((windows, 3, 6, 4), (windows, 3, keys, 4), (windows, 3, keys, 4), (1, 3, 6, keys))
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


def written_out(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, scale: float) -> Tensor:
    return (scale * q @ k.mT + bias).softmax(dim=-1) @ v


@pytest.mark.parametrize("windows", [1, 4, 9])
@pytest.mark.parametrize("keys", [6, 11])
def test_values_and_gradients_are_those_of_the_formula(windows: int, keys: int) -> None:
    inputs = operands(windows, keys)
    ours, expected = attend_with_bias(*inputs, 0.7), written_out(*inputs, 0.7)
    torch.testing.assert_close(ours, expected)
    grad = torch.randn_like(expected)
    for own, reference in zip(
        torch.autograd.grad(ours, inputs, grad), torch.autograd.grad(expected, inputs, grad), strict=True
    ):
        torch.testing.assert_close(own, reference)


def test_half_precision_and_autocast_keep_their_types() -> None:
    inputs = operands(9, 6, torch.bfloat16)
    exact = [x.detach().double().requires_grad_() for x in inputs]
    reference = torch.autograd.grad(written_out(*exact, 0.5).sum(), exact)
    for own, x, expected in zip(
        torch.autograd.grad(attend(*inputs, 0.5).sum(), inputs), inputs, reference, strict=True
    ):
        assert own.dtype == x.dtype
        assert relative_error(own.double(), expected) <= 0.05
    singles = operands(2, 6, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        out = attend(*singles)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(out.float().sum(), singles))


def test_masked_pairs_get_no_attention_and_nothing_is_infinite() -> None:
    inputs = operands(2, 6)
    with torch.no_grad():
        inputs[3][..., 3:] = -100
    gradients = torch.autograd.grad(attend_with_bias(*inputs, 1.0).square().sum(), inputs)
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert gradients[1][..., 3:, :].abs().max() < 1e-30


def test_it_is_taken_for_learned_biases_alone() -> None:
    q, _, _, bias = operands(1, 6)
    assert needs_own_backward(q, bias)
    assert not needs_own_backward(q, bias.detach())
    with torch.no_grad():
        assert not needs_own_backward(q, bias)
