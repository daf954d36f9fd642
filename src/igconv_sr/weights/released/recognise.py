"""Recognises the authors' released models by their weights: the encoder, its sizes and the upsampler.

What the weights do not show is taken as published: factors such as EDSR's ``res_scale``, ATD's ``category_size``,
HAT's training patch, HiT-SRF's base window and which of its windows are smaller, whether the kernels are averaged
(``fgrep``: in IGConv+, and in RDN always), and the largest training scale (8 for the released RCAN, else 4).
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.upsamplers.scales import whole_scale
from igconv_sr.weights.released import official
from igconv_sr.weights.released.shapes import READERS, Arguments, Shapes, read_encoder, read_upsampler

_WRAPPERS = ("params_ema", "params", "state_dict")
_PARALLEL = "module."
_LISTED = 3
_MISSING = "is missing"

_UPSAMPLERS = {"igconv": "IGConv", "igconv_plus": "IGConv+"}
_TRAINING_ONLY = ("drop_path_rate", "checkpointing")
_SEEN_IN_PART = ("hier_win_ratios",)
_MAX_SCALE = 4
_RELEASED_MAX_SCALES = {"rcan": 8}


class Recognised(NamedTuple):
    """What a file of weights holds, in the words of a reference file's ``meta``.

    Attributes:
        encoder: Name in :data:`igconv_sr.weights.released.official.ENCODERS`.
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
        whole_scale(given.get("max_scale", _MAX_SCALE))
        encoder_args, upsampler_args, assumed = (
            {name: given.get(name, value) for name, value in arguments.items()}
            for arguments in (self.encoder_args, self.upsampler_args, self.assumed)
        )
        return self._replace(encoder_args=encoder_args, upsampler_args=upsampler_args, assumed=assumed)


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
    seen = {encoder: read_encoder(encoder, shapes, weights) for encoder in READERS}
    candidates = []
    for encoder in sorted(seen, key=lambda encoder: not seen[encoder]):  # the likely ones first
        candidate = _candidate(encoder, seen[encoder], read_upsampler(seen[encoder], shapes))
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
    fitting, count = nearest.common(shapes)[0], len(shapes.by_key)
    if 2 * fitting < count:
        return (
            f"it is none of the paper's models, of which none has more than {fitting} of its {count} weights, such as "
            f"{', '.join(list(shapes.by_key)[:_LISTED])}"
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
        return Candidate.of(_complete(encoder, {}, read_upsampler({}, Shapes({}))))


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
