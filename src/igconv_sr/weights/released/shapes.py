"""Reads the arguments of the authors' models off the shapes of their weights: one function per encoder.

Each is given the arguments of the released model too: of several values that make the same shapes it takes that one's.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from statistics import mode
from typing import Any

from torch import Tensor

from igconv_sr.upsamplers import IGConv
from igconv_sr.weights.released import official

Arguments = dict[str, Any]

_CHANNELS = ("num_feat", "embed_dim", "dim")
"""What encoders call the number of their features' channels."""


class Shapes:
    """Sizes read off the shapes of weights, by patterns of their keys in which # stands for a number.

    Where several weights show the same size, most of them decide: a damaged one does not hide what the others are.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.by_key = {
            key: tuple(value.shape) for key, value in weights.items() if key.rpartition(".")[-1] not in official.BUFFERS
        }

    def size(self, *patterns: str, axis: int = 0) -> int:
        """Size along an axis of the weights of all these patterns.

        Raises:
            KeyError: If there are none.
        """
        shapes = [self.by_key[match.string] for pattern in patterns for match in self._matches(f"{pattern}$")]
        sizes = [shape[axis] for shape in shapes if len(shape) > axis and shape[axis]]
        if not sizes:
            raise KeyError(patterns)
        return mode(sizes)

    def count(self, pattern: str) -> int:
        """Number of different numbers in the first # of the keys that begin with a pattern.

        Raises:
            KeyError: If there are none.
        """
        numbers = {match[1] for match in self._matches(pattern)}
        if not numbers:
            raise KeyError(pattern)
        return len(numbers)

    def counts(self, pattern: str) -> list[int]:
        """As :meth:`count`, of the second #, for each number in the first."""
        return [self.count(pattern.replace("#", str(number), 1)) for number in range(self.count(pattern))]

    def _matches(self, pattern: str) -> Iterator[re.Match[str]]:
        expression = re.compile(pattern.replace(".", "[.]").replace("#", "([0-9]+)"))
        return filter(None, map(expression.match, self.by_key))


def read_upsampler(encoder_args: Arguments, shapes: Shapes) -> Arguments:
    """Arguments of IGConv and, where it is, IGSample; the published ones of IGConv where nothing is to be seen."""
    heads = [head for head, hypernetwork in official.HYPERNETWORKS.items() if hypernetwork == "hypernet"]
    (skip,) = official.HYPERNETWORKS.keys() - heads
    for head in heads:
        try:
            channels = next(encoder_args[name] for name in _CHANNELS if name in encoder_args)
            positions = shapes.size(f"{head}.freq", f"{head}.amplitude")
            width, layers = _read_hypernetwork(head, shapes)
            seen = {"kernel_size": math.isqrt(positions // channels), "hidden_dim": width, "num_layers": layers}
        except (KeyError, StopIteration):
            continue
        try:
            width, layers = _read_hypernetwork(skip, shapes)
        except KeyError:
            return seen
        return seen | {"sample_hidden_dim": width // 2, "sample_num_layers": layers}
    published = official.published_arguments(IGConv)
    return {name: published[name] for name in ("kernel_size", "hidden_dim", "num_layers")}


def _read_hypernetwork(head: str, shapes: Shapes) -> tuple[int, int]:
    """Width and hidden layers."""
    return shapes.size(f"{head}.freq", f"{head}.amplitude", axis=1), shapes.count(f"{head}.query_kernel.#.") - 1


def read_encoder(encoder: str, shapes: Shapes, weights: Mapping[str, Tensor]) -> Arguments:
    """Arguments of an encoder as the weights show them; none if something of it is not there."""
    try:
        seen = READERS[encoder](shapes, official.published_arguments(official.ENCODERS[encoder]))
        return seen | official.training_patch(encoder, seen, weights)
    except KeyError:
        return {}


def _edsr(shapes: Shapes, published: Arguments) -> Arguments:
    del published
    return {
        "num_feat": shapes.size("conv_first.weight", "body.#.conv1.weight"),
        "num_block": shapes.count("body.#.conv"),
    }


def _rdn(shapes: Shapes, published: Arguments) -> Arguments:
    del published
    return {
        "num_feat": shapes.size("SFENet1.weight", "SFENet2.weight", "RDBs.#.LFF.weight"),
        "num_blocks": shapes.count("RDBs.#."),
        "num_convs": mode(shapes.counts("RDBs.#.convs.#.")),
        "growth": shapes.size("RDBs.#.convs.#.conv.0.weight"),
    }


def _rcan(shapes: Shapes, published: Arguments) -> Arguments:
    num_feat = shapes.size("head.0.weight", "body.#.body.#.body.0.weight")
    squeezed = shapes.size("body.#.body.#.body.3.conv_du.0.weight")
    return {
        "num_feat": num_feat,
        "num_groups": shapes.count("body.#.body."),
        "num_blocks": mode(shapes.counts("body.#.body.#.body.")),
        "reduction": _divisor(num_feat, squeezed, published["reduction"]),
    }


def _smfanet(shapes: Shapes, published: Arguments) -> Arguments:
    dim = shapes.size("to_feat.weight", "feats.#.smfa.linear_1.weight")
    return {
        "dim": dim,
        "n_blocks": shapes.count("feats.#.smfa."),
        "ffn_scale": _factor(dim, shapes.size("feats.#.pcfn.conv_0.weight"), published["ffn_scale"]),
    }


def _plksr(shapes: Shapes, published: Arguments) -> Arguments:
    dim = shapes.size("feats.0.weight", "feats.#.refine.weight")
    before, after = (shapes.size(f"feats.#.channe_mixer.{layer}.weight", axis=2) for layer in (0, 2))
    return {
        "dim": dim,
        "n_blocks": shapes.count("feats.#.lk."),
        "kernel_size": shapes.size("feats.#.lk.conv.weight", axis=2),
        "split_ratio": _factor(dim, shapes.size("feats.#.lk.conv.weight"), published["split_ratio"]),
        "ccm_type": {(3, 1): "CCM", (1, 3): "ICCM"}.get((before, after), "DCCM"),
        "use_ea": any(".attn." in key for key in shapes.by_key),
    }


def _trunk(shapes: Shapes, blocks: str = "blocks") -> Arguments:
    """What the descendants of SwinIR have in common."""
    return {
        "embed_dim": shapes.size("conv_first.weight", "conv_after_body.weight", "layers.#.conv.weight"),
        "depths": shapes.counts(f"layers.#.residual_group.{blocks}.#."),
    }


def _heads(shapes: Shapes, groups: int, keys: str, axis: int) -> list[int]:
    """Attention heads of each group, from the sizes of weights in its blocks."""
    return [shapes.size(f"layers.{group}.residual_group.{keys}", axis=axis) for group in range(groups)]


def _window(shapes: Shapes, keys: str) -> int:
    """Side of a window, from the table of its position differences."""
    return (math.isqrt(shapes.size(f"layers.#.residual_group.{keys}")) + 1) // 2


def _windowed(shapes: Shapes, published: Arguments, blocks: str = "blocks", attention: str = "attn") -> Arguments:
    """What those have in common whose attention has a table of position biases."""
    trunk = _trunk(shapes, blocks)
    mlp = "convffn" if blocks == "layers" else "mlp"
    table = f"{blocks}.#.{attention}.relative_position_bias_table"
    hidden = shapes.size(f"layers.#.residual_group.{blocks}.#.{mlp}.fc1.weight")
    return trunk | {
        "num_heads": _heads(shapes, len(trunk["depths"]), table, axis=1),
        "window_size": _window(shapes, table),
        "mlp_ratio": _factor(trunk["embed_dim"], hidden, published["mlp_ratio"]),
    }


def _swinir(shapes: Shapes, published: Arguments) -> Arguments:
    shapes.size("layers.#.residual_group.blocks.#.attn.qkv.weight")
    return _windowed(shapes, published)


def _srformer(shapes: Shapes, published: Arguments) -> Arguments:
    shapes.size("layers.#.residual_group.blocks.#.attn.kv.weight")
    seen = _windowed(shapes, published)
    return seen | {"window_size": 2 * seen["window_size"]}  # its keys are of 2×2 pixels


def _hat(shapes: Shapes, published: Arguments) -> Arguments:
    seen = _windowed(shapes, published)
    embed_dim, window = seen["embed_dim"], seen["window_size"]
    convolutions = "layers.#.residual_group.blocks.#.conv_block.cab"
    differences = math.isqrt(shapes.size("layers.#.residual_group.overlap_attn.relative_position_bias_table"))
    overlap = differences - 2 * window + 1
    return seen | {
        "compress_ratio": _divisor(embed_dim, shapes.size(f"{convolutions}.0.weight"), published["compress_ratio"]),
        "squeeze_factor": _divisor(
            embed_dim, shapes.size(f"{convolutions}.3.attention.1.weight"), published["squeeze_factor"]
        ),
        "overlap_ratio": _factor(window, overlap, published["overlap_ratio"]),
    }


def _atd(shapes: Shapes, published: Arguments) -> Arguments:
    block = "layers.#.residual_group.layers.#"
    return _windowed(shapes, published, blocks="layers", attention="attn_win") | {
        "num_tokens": shapes.size("layers.#.residual_group.td", f"{block}.attn_atd.scale"),
        "reducted_dim": shapes.size(f"{block}.attn_atd.wq.weight"),
        "convffn_kernel_size": shapes.size(f"{block}.convffn.dwconv.depthwise_conv.0.weight", axis=2),
    }


def _hit_srf(shapes: Shapes, published: Arguments) -> Arguments:
    """A window larger than the base window shows its ratio; smaller ones are taken as in the released model."""
    trunk = _trunk(shapes)
    block = "layers.#.residual_group.blocks.#"
    ratios = []
    for index in range(max(trunk["depths"])):
        pixels = shapes.size(f"layers.#.residual_group.blocks.{index}.correlation.spatial_linear.weight", axis=1)
        usual = [*published["hier_win_ratios"], 1][min(index, len(published["hier_win_ratios"]))]
        ratios.append(usual if max(int(usual), 1) ** 2 == pixels else math.isqrt(pixels))
    return trunk | {
        "num_heads": _heads(shapes, len(trunk["depths"]), "blocks.#.correlation.pos.pos3.2.weight", axis=0),
        "mlp_ratio": _factor(trunk["embed_dim"], shapes.size(f"{block}.mlp.fc1.weight"), published["mlp_ratio"]),
        "hier_win_ratios": ratios,
    }


def _mambair(shapes: Shapes, published: Arguments) -> Arguments:
    trunk = _trunk(shapes)
    embed_dim = trunk["embed_dim"]
    block = "layers.#.residual_group.blocks.#"
    inner = shapes.size(f"{block}.self_attention.out_proj.weight", axis=1)
    compressed = shapes.size(f"{block}.conv_blk.cab.0.weight")
    return trunk | {
        "d_state": shapes.size(f"{block}.self_attention.A_logs", axis=1),
        "mlp_ratio": _factor(embed_dim, inner, published["mlp_ratio"]),
        "compress_ratio": _divisor(embed_dim, compressed, published["compress_ratio"]),
    }


READERS: dict[str, Callable[[Shapes, Arguments], Arguments]] = {
    "atd": _atd,
    "edsr": _edsr,
    "hat": _hat,
    "hit_srf": _hit_srf,
    "mambair": _mambair,
    "plksr": _plksr,
    "rcan": _rcan,
    "rdn": _rdn,
    "smfanet": _smfanet,
    "srformer": _srformer,
    "swinir": _swinir,
}


def _divisor(channels: int, divided: int, usual: int) -> int:
    """A number by which ``channels`` divided, rounded down but not below 1, are ``divided``: the usual one if it is."""
    return usual if max(channels // usual, 1) == divided else channels // divided


def _factor(channels: int, multiplied: int, usual: float) -> float:
    """A number whose product with ``channels``, rounded down, is ``multiplied``: the usual one, or a short one.

    Example:
        >>> _factor(60, 120, 2), _factor(60, 90, 2), _factor(49, 1, 2)
        (2, 1.5, 0.02041)
    """
    exact = multiplied / channels
    short = (round(exact, digits) for digits in range(16))
    middle = (multiplied + 0.5) / channels  # whatever the rounding
    return next((factor for factor in (usual, *short) if int(channels * factor) == multiplied), middle)
