"""A training step is counted in operations: each is one that a GPU waits for while Python issues it."""

import torch
from torch.profiler import profile

from igconv_sr.bench.training import Case, leaf_operations, step_cost

EDSR_BASELINE = 2_834
"""Operations of a step of edsr_baseline with IGConv+ and 96 patches, whatever their size."""


def test_operations_that_call_others_are_not_counted() -> None:
    with profile() as profiled:
        torch.zeros(3, 3).matmul(torch.ones(3, 1)).squeeze(1)
    counted = leaf_operations(profiled.events())
    assert counted["aten::fill_"] == 1  # in ones; zeros of a processor are filled by zero_
    assert not counted.keys() & {"aten::ones", "aten::zeros", "aten::matmul", "aten::squeeze"}


def test_operations_of_a_step_do_not_grow() -> None:
    cost = step_cost(Case("edsr_baseline", 96, 64, None), "data.lr_patch_size=4")
    assert cost.host_ms > 0
    assert cost.operations <= 1.1 * EDSR_BASELINE, "a training step issues a tenth more operations than it did"
