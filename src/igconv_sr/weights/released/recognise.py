"""Recognises the authors' released models by their weights: the encoder, its sizes and the upsampler.

What the weights do not show is taken as published: arguments that the encoder's module names, whether the kernels are
averaged (``fgrep``: in IGConv+), and the largest training scale (4 but for released models of more).
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from igconv_sr.errors import InputError, did_you_mean
from igconv_sr.upsamplers.scales import whole_scale
from igconv_sr.weights.released import LAYOUTS, official
from igconv_sr.weights.released.base import TRAINED_SCALES, Arguments, Layout, Shapes, Sizes, shapes_of
from igconv_sr.weights.released.upsampler import read_upsampler

_WRAPPERS = ("params_ema", "params", "state_dict")
_PARALLEL = "module."
_LISTED = 3
_MISSING = "is missing"

_UPSAMPLERS = {"igconv": "IGConv", "igconv_plus": "IGConv+"}
_TRAINING_ONLY = ("drop_path_rate", "checkpointing")


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
        whole_scale(given.get("max_scale", self.upsampler_args["max_scale"]))
        encoder_args, upsampler_args, assumed = (
            {name: given.get(name, value) for name, value in arguments.items()}
            for arguments in (self.encoder_args, self.upsampler_args, self.assumed)
        )
        return self._replace(encoder_args=encoder_args, upsampler_args=upsampler_args, assumed=assumed)


def unwrap(content: Any) -> tuple[dict[str, Tensor], str]:
    """The weights in the content of a file, and the key they lay under.

    Raises:
        InputError: If there are none.
    """
    is_dict = isinstance(content, Mapping)
    wrapper = next((name for name in _WRAPPERS if is_dict and isinstance(content.get(name), Mapping)), None)
    weights = content if wrapper is None else content[wrapper]
    items = weights.items() if isinstance(weights, Mapping) else ()
    if not (items and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in items)):
        raise InputError(f"it holds no weights, neither by themselves nor under {', '.join(_WRAPPERS)}")
    where = "no key of their own" if wrapper is None else wrapper
    if all(key.startswith(_PARALLEL) for key in weights):
        return {key.removeprefix(_PARALLEL): value for key, value in weights.items()}, f"{where}, each as {_PARALLEL}…"
    return dict(weights), where


def recognise(weights: Mapping[str, Tensor], assume: Mapping[str, Any] | None = None) -> Recognised:
    """Finds the model that weights under the authors' key names belong to; nothing but their shapes is looked at.

    Args:
        weights: With or without the authors' indices and masks.
        assume: Values of arguments that the weights do not show, instead of the published ones.

    Raises:
        InputError: If no model has exactly these weights: names the nearest and the first keys that do not fit.
            If something is assumed that the weights show.
    """
    shapes = shapes_of(official.without_buffers(weights))
    seen = [(layout, _read(layout, shapes, weights)) for layout in LAYOUTS.values()]
    candidates = []
    for layout, arguments in sorted(seen, key=lambda pair: not pair[1]):  # the likely ones first
        model, expected = _candidate(layout, arguments, read_upsampler(arguments.get(layout.channels, 0), shapes))
        if not _misfits(expected, shapes):
            return _assuming(model, assume, shapes) if assume else model
        candidates.append((model, expected))
    raise InputError(_nearest(candidates, shapes))


def _read(layout: Layout, shapes: Shapes, weights: Mapping[str, Tensor]) -> Arguments:
    """Arguments of an encoder as the weights show them; none if something of it is not there."""
    try:
        seen = layout.read(Sizes(shapes, layout.published))
        return seen | layout.training_patch(seen, weights)
    except KeyError:
        return {}


def _candidate(layout: Layout, seen: Arguments, upsampler_args: Arguments) -> tuple[Recognised, Shapes]:
    """The model with what was seen of it, or the published one where no network can be made of that, and its shapes."""
    published = layout.published
    encoder_args = published | seen
    unseen = [name for name in published if name in layout.read_in_part or name not in (*seen, *_TRAINING_ONLY)]
    plus = "sample_hidden_dim" in upsampler_args
    hidden = {
        "fgrep": plus or layout.always_fgrep,
        "max_scale": max(layout.scales if encoder_args == published else TRAINED_SCALES),
    }
    model = Recognised(
        layout.name,
        encoder_args,
        "igconv_plus" if plus else "igconv",
        upsampler_args | hidden,
        {name: encoder_args[name] for name in unseen} | hidden,
    )
    try:
        return model, _expected(model)
    except InputError:
        return _candidate(layout, {}, read_upsampler(0, {}))


def _expected(model: Recognised) -> Shapes:
    """Shapes of the model's weights, for which it takes no memory.

    Raises:
        InputError: If its arguments do not fit each other.
    """
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of layers without channels, as damaged weights make them
        net = official.network(model._asdict())
    return shapes_of(official.to_official(net.state_dict(), model.encoder))


def _misfits(expected: Shapes, shapes: Shapes) -> list[str]:
    """What is wrong with each weight that does not fit, sorted by key."""
    wrong = {key: f"is {shape}, not {expected.get(key)}" for key, shape in shapes.items() if expected.get(key) != shape}
    wrong |= dict.fromkeys(shapes.keys() - expected.keys(), "is not part of it")
    wrong |= dict.fromkeys(expected.keys() - shapes.keys(), _MISSING)
    return [f"{key} {reason}" for key, reason in sorted(wrong.items())]


def _assuming(model: Recognised, assume: Mapping[str, Any], shapes: Shapes) -> Recognised:
    model = model.assuming(assume)
    if misfits := _misfits(_expected(model), shapes):
        raise InputError(f"with {listed(assume)} {_not_fitting(misfits)}")
    return model


def _nearest(candidates: Sequence[tuple[Recognised, Shapes]], shapes: Shapes) -> str:
    def common(candidate: tuple[Recognised, Shapes]) -> tuple[int, int]:
        """Number of weights that fit, and of those whose key at least does."""
        return len(candidate[1].items() & shapes.items()), len(candidate[1].keys() & shapes.keys())

    model, expected = max(candidates, key=common)
    fitting, count = len(expected.items() & shapes.items()), len(shapes)
    if 2 * fitting < count:
        return (
            f"it is none of the paper's models, of which none has more than {fitting} of its {count} weights, such as "
            f"{', '.join(list(shapes)[:_LISTED])}"
        )
    return f"it is none of the paper's models; of the nearest, {model}, {_not_fitting(_misfits(expected, shapes))}"


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
