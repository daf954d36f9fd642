"""The layers of an encoder: which there are, and what they put out.

Legend: B batch, C channels of a layer, H and W height and width of the LR image, N positions.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
from torch import Tensor, nn

from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.network import SRNet

_PROBE = 8
"""Pixels of the shorter side of the picture that shows how features are laid out, where any size will do."""

_Layout = Literal["channels first", "channels last"]


def trunk_layers(encoder: nn.Module) -> list[str]:
    """Names of an encoder's blocks, or groups of blocks, as its weights are named.

    The trunk is the sequence of modules with the most parameters among the encoder's own ones (``body``, ``feats``,
    ``layers``, ``RDBs``), whatever the encoder; its members are the blocks.

    Raises:
        InputError: If the encoder has no sequence of modules.
    """
    sequences = {
        name: module for name, module in encoder.named_children() if isinstance(module, nn.Sequential | nn.ModuleList)
    }
    if not sequences:
        names = ", ".join(name for name, _ in encoder.named_children())
        raise InputError(f"{type(encoder).__name__} has no sequence of blocks; name its layers with --layers: {names}")
    trunk = max(sequences, key=lambda name: sum(p.numel() for p in sequences[name].parameters()))
    return [f"{trunk}.{name}" for name, _ in sequences[trunk].named_children()]


def matching_layers(encoder: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Names of the encoder's modules that match one of the patterns, in the order of the encoder.

    Args:
        encoder: Has the modules.
        patterns: Names with ``*`` for any one part, such as ``layers.*.residual_group.blocks.*``.
    """
    names = [name for name, _ in encoder.named_modules() if name]
    return [name for name in names if any(_matches(name, pattern) for pattern in patterns)]


def check_patterns(encoders: Sequence[nn.Module], patterns: Sequence[str]) -> None:
    """Checks that every pattern matches a module of some encoder, and every encoder has one that matches.

    Raises:
        InputError: With the pattern and what it may have meant.
    """
    names = [name for encoder in encoders for name, _ in encoder.named_modules() if name]
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in names):
            kinds = " or ".join(dict.fromkeys(type(encoder).__name__ for encoder in encoders))
            hint = did_you_mean(pattern, names) or f"; there is for example {trunk_layers(encoders[0])[0]}"
            raise InputError(f"--layers {pattern}: {kinds} has no layer of that name{hint}")
    for encoder in encoders:
        if not matching_layers(encoder, patterns):
            raise InputError(f"--layers: {type(encoder).__name__} has none of {', '.join(patterns)}; name some of its")


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


class LayerFeatures:
    """Computes what layers of a network's encoder put out.

    Args:
        net: Copied, so that nothing is left in it.
        names: The layers. Of a layer with several outputs the first counts.
        device: Where to compute.

    Raises:
        InputError: If a layer does not put out one feature vector per pixel, once per pass.
    """

    def __init__(self, net: SRNet, names: Sequence[str], device: torch.device) -> None:
        self.names = list(names)
        self._scale = net.scales[0]
        self._net = net.fold([self._scale]).to(device)
        self._device = device
        self._take: Callable[[str, Any], Tensor] = lambda _, output: output
        self._taken: dict[str, list[Tensor]] = {}
        for name in names:
            self._net.encoder.get_submodule(name).register_forward_hook(self._hook(name))
        self._layouts = self._look()

    def __call__(self, lr: Tensor, positions: Tensor) -> list[Tensor]:
        """Features at some positions.

        Args:
            lr: (1,3,H,W) in [0,1].
            positions: (N,) indices of pixels, row by row: ``row · W + column``.

        Returns:
            Per layer (N,C) in double precision.
        """
        rows, columns = (index.to(self._device) for index in (positions // lr.shape[-1], positions % lr.shape[-1]))

        # Inside the hook, so that of large maps only the positions are kept.
        def take(name: str, output: Tensor) -> Tensor:
            if self._layouts[name] == "channels first":
                return output[0, :, rows, columns].mT.double()
            return output[0, rows, columns].double()

        return list(self._run(lr, take).values())

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            self._taken.setdefault(name, []).append(self._take(name, first))

        return keep

    @torch.no_grad()
    def _run(self, lr: Tensor, take: Callable[[str, Any], Tensor]) -> dict[str, Tensor]:
        self._taken, self._take = {}, take
        self._net(lr.to(self._device), self._scale)
        for name in self.names:
            if (count := len(self._taken.get(name, []))) != 1:
                raise InputError(f"layer {name} puts out features {count} times per pass, not once; leave it out")
        return {name: self._taken[name][0] for name in self.names}

    def _look(self) -> dict[str, _Layout]:
        """How each layer lays out its features: a picture twice as wide as high leaves no doubt."""
        height = self._net.encoder.size_multiple if self._net.encoder.size_multiple > 1 else _PROBE
        picture = torch.full((1, 3, height, 2 * height), 0.5)
        return {
            name: _layout(name, output, height, 2 * height)
            for name, output in self._run(picture, lambda _, output: output).items()
        }


def _layout(name: str, output: Any, height: int, width: int) -> _Layout:
    shape = tuple(output.shape) if isinstance(output, Tensor) else ()
    if len(shape) == 4 and shape[2:] == (height, width):
        return "channels first"
    if len(shape) == 4 and shape[1:3] == (height, width):
        return "channels last"
    form = f"({','.join(map(str, shape))})" if shape else type(output).__name__
    raise InputError(
        f"layer {name} puts out {form} for an image of {height}×{width}, not a feature vector per pixel; leave it out"
    )
