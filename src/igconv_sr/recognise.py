"""Recognises the authors' released models by their weights: the encoder, its sizes and the upsampler.

What the weights do not show is taken as published: factors such as EDSR's ``res_scale``, ATD's ``category_size``,
HAT's training patch, HiT-SRF's base window and which of its windows are smaller, whether the kernels are averaged
(``fgrep``: in IGConv+, and in RDN always), and the largest training scale (8 for the released RCAN, else 4).
"""

import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mode
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from igconv_sr import official
from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.upsamplers import IGConv
from igconv_sr.upsamplers.scales import check_scale

Arguments = dict[str, Any]

_WRAPPERS = ("params_ema", "params", "state_dict")
_PARALLEL = "module."
_LISTED = 3
_MISSING = "is missing"

_UPSAMPLERS = {"igconv": "IGConv", "igconv_plus": "IGConv+"}
_CHANNELS = ("num_feat", "embed_dim", "dim")
"""What encoders call the number of their features' channels."""

_TRAINING_ONLY = ("drop_path_rate", "checkpointing")
_SEEN_IN_PART = ("hier_win_ratios",)
_MAX_SCALE = 4
_RELEASED_MAX_SCALES = {"rcan": 8}


class Recognised(NamedTuple):
    """What a file of weights holds, in the words of a reference file's ``meta``.

    Attributes:
        encoder: Name in :data:`igconv_sr.official.ENCODERS`.
        encoder_args: All arguments of the encoder.
        upsampler: ``igconv`` or ``igconv_plus``.
        upsampler_args: Arguments of the upsampler.
        assumed: Those of both that the weights do not show although the outputs depend on them.
    """

    encoder: str
    encoder_args: Arguments
    upsampler: str
    upsampler_args: Arguments
    assumed: Arguments

    def __str__(self) -> str:
        hidden = (*self.assumed, *_TRAINING_ONLY)
        names = (official.ENCODERS[self.encoder].__name__, _UPSAMPLERS[self.upsampler])
        arguments = (self.encoder_args, self.upsampler_args)
        seen = ({key: value for key, value in values.items() if key not in hidden} for values in arguments)
        parts = zip(names, seen, strict=True)
        return " with ".join(f"{name} ({listed(values)})" if values else name for name, values in parts)

    def assuming(self, given: Mapping[str, Any]) -> Self:
        """The same with other values of what the weights do not show.

        Raises:
            InputError: If they do show it, or a value is of the wrong kind.
        """
        for name, value in given.items():
            if name not in self.assumed:
                names = ", ".join(self.assumed)
                raise InputError(f"{name} cannot be assumed, only {names}{did_you_mean(name, self.assumed)}")
            if _kind(value) != _kind(self.assumed[name]):
                raise InputError(f"{name}={value} should be {_kind(self.assumed[name])}, like {self.assumed[name]}")
        check_scale(given.get("max_scale", _MAX_SCALE))
        encoder_args, upsampler_args, assumed = (
            {name: given.get(name, value) for name, value in arguments.items()}
            for arguments in (self.encoder_args, self.upsampler_args, self.assumed)
        )
        return self._replace(encoder_args=encoder_args, upsampler_args=upsampler_args, assumed=assumed)


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


class Candidate(NamedTuple):
    """A model and the shapes of its weights."""

    model: Recognised
    expected: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, model: Recognised) -> Self:
        """Builds the model without memory for its weights.

        Raises:
            InputError: If its arguments do not fit each other.
        """
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of layers without channels, as damaged weights make them
            net = official.network(model._asdict())
        return cls(model, Shapes(official.to_official(net.state_dict(), model.encoder)).by_key)

    def misfits(self, shapes: Shapes) -> list[str]:
        """What is wrong with each weight that does not fit, sorted by key."""
        given = shapes.by_key
        return [
            f"{key} {self._reason(key, given.get(key))}"
            for key in sorted(self.expected.keys() | given.keys())
            if self.expected.get(key) != given.get(key)
        ]

    def _reason(self, key: str, shape: tuple[int, ...] | None) -> str:
        if shape is None:
            return _MISSING
        return f"is {shape}, not {self.expected[key]}" if key in self.expected else "is not part of it"

    def common(self, shapes: Shapes) -> tuple[int, int]:
        """Number of weights that fit, and of those whose key at least does."""
        common = self.expected.keys() & shapes.by_key.keys()
        return sum(shapes.by_key[key] == self.expected[key] for key in common), len(common)


def unwrap(content: Any) -> tuple[dict[str, Tensor], str]:
    """The weights in the content of a file, and the key they lay under.

    Raises:
        InputError: If there are none.
    """
    is_dict = isinstance(content, Mapping)
    wrapper = next((name for name in _WRAPPERS if is_dict and isinstance(content.get(name), Mapping)), None)
    weights = content if wrapper is None else content[wrapper]
    if not (isinstance(weights, Mapping) and weights and all(map(_is_weight, weights.items()))):
        raise InputError(f"it holds no weights, neither by themselves nor under {', '.join(_WRAPPERS)}")
    where = "no key of their own" if wrapper is None else wrapper
    if all(key.startswith(_PARALLEL) for key in weights):
        return {key.removeprefix(_PARALLEL): value for key, value in weights.items()}, f"{where}, each as {_PARALLEL}…"
    return dict(weights), where


def _is_weight(item: tuple[object, object]) -> bool:
    key, value = item
    return isinstance(key, str) and isinstance(value, Tensor)


def recognise(weights: Mapping[str, Tensor], assume: Mapping[str, Any] | None = None) -> Recognised:
    """Finds the model that weights under the authors' key names belong to; nothing but their shapes is looked at.

    Args:
        weights: With or without the authors' indices and masks.
        assume: Values of arguments that the weights do not show, instead of the published ones.

    Raises:
        InputError: If no model has exactly these weights: names the nearest and the first keys that do not fit.
            If something is assumed that the weights show.
    """
    shapes = Shapes(weights)
    seen = {encoder: _see(encoder, shapes, weights) for encoder in _READERS}
    candidates = []
    for encoder in sorted(seen, key=lambda encoder: not seen[encoder]):  # the likely ones first
        candidate = _candidate(encoder, seen[encoder], _see_upsampler(seen[encoder], shapes))
        if not candidate.misfits(shapes):
            return _assuming(candidate.model, assume, shapes) if assume else candidate.model
        candidates.append(candidate)
    raise InputError(_nearest(candidates, shapes))


def _assuming(model: Recognised, assume: Mapping[str, Any], shapes: Shapes) -> Recognised:
    model = model.assuming(assume)
    if misfits := Candidate.of(model).misfits(shapes):
        raise InputError(f"with {listed(assume)} {_not_fitting(misfits)}")
    return model


def _nearest(candidates: Sequence[Candidate], shapes: Shapes) -> str:
    nearest = max(candidates, key=lambda candidate: candidate.common(shapes))
    if nearest.common(shapes) == (0, 0):
        return (
            f"it is none of the paper's models, which have no weights like {', '.join(list(shapes.by_key)[:_LISTED])}"
        )
    return f"it is none of the paper's models; of the nearest, {nearest.model}, {_not_fitting(nearest.misfits(shapes))}"


def _not_fitting(misfits: Sequence[str]) -> str:
    count = "one weight does" if len(misfits) == 1 else f"{len(misfits)} weights do"
    missing = [misfit for misfit in misfits if misfit.endswith(_MISSING)]
    others = [misfit for misfit in misfits if not misfit.endswith(_MISSING)]
    first = others[:_LISTED] + missing[:_LISTED]
    return f"{count} not fit: {', '.join(first)}{', …' if len(first) < len(misfits) else ''}"


def listed(arguments: Mapping[str, Any]) -> str:
    """Arguments as they are written in a call."""
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "text"


def _candidate(encoder: str, seen: Arguments, upsampler_args: Arguments) -> Candidate:
    """The model with what was seen of it, or the published one where no network can be made of that."""
    try:
        return Candidate.of(_complete(encoder, seen, upsampler_args))
    except InputError:
        return Candidate.of(_complete(encoder, {}, _see_upsampler({}, Shapes({}))))


def _complete(encoder: str, seen: Arguments, upsampler_args: Arguments) -> Recognised:
    """Adds what was published to what was seen of a model."""
    published = official.published_arguments(official.ENCODERS[encoder])
    encoder_args = published | seen
    unseen = [name for name in published if name in _SEEN_IN_PART or name not in (*seen, *_TRAINING_ONLY)]
    plus = "sample_hidden_dim" in upsampler_args
    released = encoder_args == published
    hidden = {
        "fgrep": plus or encoder in official.ALWAYS_FGREP,
        "max_scale": _RELEASED_MAX_SCALES.get(encoder, _MAX_SCALE) if released else _MAX_SCALE,
    }
    return Recognised(
        encoder,
        encoder_args,
        "igconv_plus" if plus else "igconv",
        upsampler_args | hidden,
        {name: encoder_args[name] for name in unseen} | hidden,
    )


def _see_upsampler(encoder_args: Arguments, shapes: Shapes) -> Arguments:
    """Arguments of IGConv and, where it is, IGSample; the published ones of IGConv where nothing is to be seen."""
    heads = [head for head, hypernetwork in official.HYPERNETWORKS.items() if hypernetwork == "hypernet"]
    (skip,) = official.HYPERNETWORKS.keys() - heads
    for head in heads:
        try:
            channels = next(encoder_args[name] for name in _CHANNELS if name in encoder_args)
            positions = shapes.size(f"{head}.freq", f"{head}.amplitude")
            width, layers = _see_hypernetwork(head, shapes)
            seen = {"kernel_size": math.isqrt(positions // channels), "hidden_dim": width, "num_layers": layers}
        except (KeyError, StopIteration):
            continue
        try:
            width, layers = _see_hypernetwork(skip, shapes)
        except KeyError:
            return seen
        return seen | {"sample_hidden_dim": width // 2, "sample_num_layers": layers}
    published = official.published_arguments(IGConv)
    return {name: published[name] for name in ("kernel_size", "hidden_dim", "num_layers")}


def _see_hypernetwork(head: str, shapes: Shapes) -> tuple[int, int]:
    """Width and hidden layers."""
    return shapes.size(f"{head}.freq", f"{head}.amplitude", axis=1), shapes.count(f"{head}.query_kernel.#.") - 1


def _see(encoder: str, shapes: Shapes, weights: Mapping[str, Tensor]) -> Arguments:
    """Arguments of an encoder as the weights show them; none if something of it is not there."""
    try:
        seen = _READERS[encoder](shapes, official.published_arguments(official.ENCODERS[encoder]))
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


_READERS: dict[str, Callable[[Shapes, Arguments], Arguments]] = {
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
