"""Models to analyse, from their files of weights."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import load_with_remark


class LoadedModel(NamedTuple):
    """A model.

    Attributes:
        net: In eval mode.
        card: What its file says about it.
        path: Its file.
        title: Its name in figures; no two of an analysis are the same.
    """

    net: SRNet
    card: ModelCard
    path: Path
    title: str


def load_models(paths: Sequence[Path]) -> list[LoadedModel]:
    """Reads the models, each file once.

    Raises:
        InputError: If a file cannot be read or is given twice.
    """
    for path, count in Counter(path.resolve() for path in paths).items():
        if count > 1:
            raise InputError(f"{path} is given {count} times; give each file once")
    read = [(path, *load_with_remark(path)[:2]) for path in paths]
    titles = _titles([card for _, _, card in read])
    return [LoadedModel(net, card, path, title) for (path, net, card), title in zip(read, titles, strict=True)]


def _titles(cards: Sequence[ModelCard]) -> list[str]:
    """Encoder and upsampler; the scales where they differ; where that is not enough, the seed and at last a number."""
    scales = ["".join(f" ×{scale}" for scale in card.scales) for card in cards]
    ends = scales if len(set(scales)) > 1 else [""] * len(cards)
    found = [f"{card.model} + {card.upsampler_name}{end}" for card, end in zip(cards, ends, strict=True)]
    seeds = [f" seed {card.seed}" for card in cards]
    for more in (seeds, [f" ({number})" for number in range(1, len(cards) + 1)]):
        counts = Counter(found)
        found = [title + end if counts[title] > 1 else title for title, end in zip(found, more, strict=True)]
    return found
