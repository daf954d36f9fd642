"""From a batch to its losses: the part of a training step that a GPU can repeat without Python."""

import gc
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from igconv_sr.data import Batch
from igconv_sr.layers.tables import noting_tables
from igconv_sr.losses import WeightedLoss
from igconv_sr.network import SRNet
from igconv_sr.scale import Scale
from igconv_sr.system.console import say

Groups = Sequence[tuple[Scale, int]]
Kind = tuple[tuple[tuple[Scale, int], ...], torch.Size]
Graphs = Callable[..., tuple[Tensor, ...]]


class _Captured(NamedTuple):
    graphs: Graphs
    tables: list[Tensor]  # which the graphs read where they lie


class BatchLosses(NamedTuple):
    """What a step learns from, and what it logs.

    Attributes:
        values: (B,), the loss of each image.
        images: Per group the SR images (rows,3,r·H,r·W), without gradients.
        terms: Per group the unweighted terms of the loss by name, (rows,), without gradients.
    """

    values: Tensor
    images: list[Tensor]
    terms: list[dict[str, Tensor]]


class ForwardPass:
    """The network and its loss, as Python runs them.

    Args:
        net: The network.
        loss: Of the training.
    """

    def __init__(self, net: SRNet, loss: WeightedLoss) -> None:
        self.net, self.loss = net, loss

    def __call__(self, batch: Batch) -> BatchLosses:
        """Runs one batch."""
        return self._named(_run(self.net, self.loss, batch.groups, batch.lr, *batch.hr), len(batch.groups))

    def _named(self, tensors: tuple[Tensor, ...], groups: int) -> BatchLosses:
        names = list(self.loss.weights)
        images, terms = list(tensors[1 : groups + 1]), tensors[groups + 1 :]
        by_group = [terms[start : start + len(names)] for start in range(0, len(terms), len(names))]
        return BatchLosses(tensors[0], images, [dict(zip(names, group, strict=True)) for group in by_group])


class CapturedForwardPass(ForwardPass):
    """The same numbers by two CUDA graphs, the second of which runs in the backward pass: Python issues two launches.

    They serve batches of one kind: the same scales, rows of each, and sizes. A training has as many kinds as scales, or
    a single one where its rows are dealt out evenly; each is captured when it first comes. Further kinds run as ever.
    Gradients lie where the next batch overwrites them: not for micro-batches whose gradients are added up.

    Args:
        net: On a GPU; from the first batch on its weights stay where they are in memory.
        loss: Of the training.
    """

    def __init__(self, net: SRNet, loss: WeightedLoss) -> None:
        super().__init__(net, loss)
        self._captured: dict[Kind, _Captured] = {}
        self._has_failed = False
        # Their backward pass always follows before the next batch: what one does not hand out the others may overwrite.
        self._memory = torch.cuda.graph_pool_handle()

    def __call__(self, batch: Batch) -> BatchLosses:
        """Runs one batch."""
        captured = self._captured_for(batch)
        if captured is None:
            return super().__call__(batch)
        values, *logged = captured.graphs(batch.lr, *batch.hr)
        return self._named((values, *(tensor.detach() for tensor in logged)), len(batch.groups))

    def forget(self) -> None:
        """Gives the memory of the graphs back; what torch makes of them holds itself until it is collected."""
        self._captured.clear()
        gc.collect()

    def _captured_for(self, batch: Batch) -> _Captured | None:
        """What serves the batch's kind; None after a failure, or where there is no end of kinds."""
        kind = (tuple(batch.groups), batch.lr.shape)
        if kind not in self._captured and not self._has_failed and len(self._captured) < len(self.net.scales):
            captured = self._capture(batch)
            if captured is None:
                self._has_failed = True
                self.forget()  # their memory serves no other step, and may be what was missing
            else:
                self._captured[kind] = captured
        return self._captured.get(kind)

    def _capture(self, batch: Batch) -> _Captured | None:
        module = _Groups(self.net, self.loss, batch.groups)
        inputs = tuple(images.clone() for images in (batch.lr, *batch.hr))
        kind = batch.lr.device.type
        # Weights that autocast has converted for one step would be those of all steps.
        uncached = torch.autocast(
            kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind), cache_enabled=False
        )
        try:
            # What warms up must not use up random numbers: a continued training captures at another step.
            with torch.random.fork_rng([batch.lr.device]), uncached, noting_tables() as tables:
                graphs = torch.cuda.make_graphed_callables(
                    module,
                    inputs,
                    allow_unused_input=True,  # heads of scales that the batch does not hold
                    pool=self._memory,
                )
                return _Captured(cast("Graphs", graphs), tables)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            say(f"The steps run without CUDA graphs, which is slower: {reason}")
            return None


class _Groups(nn.Module):
    """What is captured: the scales of its batches are fixed, their tensors are not."""

    def __init__(self, net: SRNet, loss: WeightedLoss, groups: Groups) -> None:
        super().__init__()
        self.net, self.loss, self.groups = net, loss, groups

    def forward(self, lr: Tensor, *hr: Tensor) -> tuple[Tensor, ...]:
        """Runs the network and the loss on the tensors of a batch; see :func:`_run`."""
        return _run(self.net, self.loss, self.groups, lr, *hr)


def _run(net: SRNet, loss: WeightedLoss, groups: Groups, lr: Tensor, *hr: Tensor) -> tuple[Tensor, ...]:
    """Maps LR images and the HR images of each group to the loss of each image, all SR images and all terms."""
    images = net.forward_mixed(lr, groups)
    losses = [loss(sr, target) for sr, target in zip(images, hr, strict=True)]
    terms = [term.detach() for group in losses for term in group.terms.values()]
    # Only the first has gradients: a graph would add up zeros for what the logs alone want.
    return torch.cat([group.total for group in losses]), *(image.detach() for image in images), *terms
