"""Scores pictures that some program has enlarged already: any model's, in the tables of the others."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from igconv_sr.data import Benchmark, BenchmarkImages, BenchmarkItem
from igconv_sr.data.sources.walk import list_images
from igconv_sr.errors import InputError
from igconv_sr.evaluation.scoring import perceptual_values
from igconv_sr.metrics import ImageScore, Protocol, score_image
from igconv_sr.metrics.perceptual import PerceptualMetrics
from igconv_sr.pictures.decoding import read_rgb
from igconv_sr.system.console import say
from igconv_sr.system.left_out import Kind, LeftOut

_SCALE = re.compile(r"x(\d+(?:\.\d+)?)(?=$|[\W_])|(?:^|[\W_])(\d+(?:\.\d+)?)x(?=$|[\W_])", re.IGNORECASE)
"""``x2`` at the end of a word, or ``2x`` as one."""


class _Picture(NamedTuple):
    """A finished picture.

    Attributes:
        path: Its file.
        folders: Those below the one given, in lower case.
        scales: All that its name and folders tell.
    """

    path: Path
    folders: tuple[str, ...]
    scales: frozenset[float]

    def is_of(self, name: str) -> bool:
        """Whether it is called as an HR image is, or nearly so."""
        return re.match(rf"{re.escape(Path(name).name)}(x\d)?($|[\W_])", self.path.stem) is not None


class FinishedPictures:
    """The pictures of a folder, each by the image of a benchmark that it was made of.

    A picture is that of ``baby`` at ×2 if its name is ``baby``, alone or followed by anything that is no letter or
    digit (``baby_x2``, ``baby_HAT_SRx2``) or by the scale (``babyx2``), and neither its name nor a folder tells another
    scale or another of the benchmarks.

    Args:
        folder: In any tree.
        images: Benchmark and name of all images that may have a picture there.

    Raises:
        InputError: If the folder does not exist or holds no picture.
    """

    def __init__(self, folder: Path, images: Iterable[tuple[str, str]]) -> None:
        if not folder.is_dir():
            raise InputError(f"sr={folder} is not a folder; give the folder of finished pictures")
        self.folder = folder
        self._left_out = LeftOut(f"sr={folder}")
        self._pictures = [_picture(path, folder) for path in list_images(folder, self._left_out.add)]
        self._scored: set[Path] = set()
        images = set(images)
        self._benchmarks = {benchmark.lower() for benchmark, _ in images}
        self._names = {name for _, name in images}

    def __call__(self, item: BenchmarkItem) -> Tensor:
        """The picture (1,3,r·H,r·W) in [0,1] of an image.

        Raises:
            InputError: If there is none or several, or it has not the size of the HR image.
        """
        path = self._find(item)
        self._scored.add(path)
        pixels = read_rgb(path)
        height, width = item.hr.shape[-2:]
        if pixels.shape[:2] != (height, width):
            raise InputError(
                f"{path} has {pixels.shape[1]}×{pixels.shape[0]} pixels, but {item.title} has {width}×{height}"
            )
        return torch.tensor(pixels).permute(2, 0, 1).unsqueeze(0) / 255

    def notices(self) -> list[str]:
        """What of the folder has not been asked for, in one line or none."""
        for path in sorted(picture.path for picture in self._pictures if picture.path not in self._scored):
            self._left_out.add(Kind.STRANGE, path.relative_to(self.folder).as_posix())
        return self._left_out.notices()

    def _find(self, item: BenchmarkItem) -> Path:
        others = self._benchmarks - {item.benchmark.lower()}
        longer = [name for name in self._names if name != item.name and name.startswith(item.name)]
        found = [
            str(picture.path.relative_to(self.folder))
            for picture in self._pictures
            if picture.is_of(item.name)
            and not any(map(picture.is_of, longer))
            and picture.scales <= {float(item.scale)}
            and not others & set(picture.folders)
        ]
        if not found:
            names = f"{item.name}.png or {item.name}_x{item.scale:g}.png"
            raise InputError(f"{self.folder} holds no picture of {item.title}, such as {names}")
        if len(found) > 1:
            raise InputError(
                f"{self.folder} holds {len(found)} pictures of {item.title}: {', '.join(found[:3])}; put those of "
                "another scale or benchmark into folders of that name"
            )
        return self.folder / found[0]


def score_pictures(
    folder: Path,
    benchmarks: Sequence[Benchmark],
    scales: Sequence[float],
    protocol: Protocol,
    perceptual: PerceptualMetrics,
) -> list[ImageScore]:
    """Scores the pictures of a folder by the HR images of benchmarks, each of which must have its picture.

    Args:
        folder: Of the pictures.
        benchmarks: What they are compared with.
        scales: Of the pictures.
        protocol: How they are compared.
        perceptual: Further metrics.

    Raises:
        InputError: As :class:`FinishedPictures`.
    """
    images = BenchmarkImages(benchmarks, scales, lr_kernel=protocol.lr_kernel)
    pictures = FinishedPictures(folder, ((benchmark.name, name) for benchmark, _, name, _ in images.items))
    scores = []
    for item in (images[index] for index in range(len(images))):
        sr = pictures(item)
        more = perceptual_values(perceptual, protocol, item, sr)
        scores.append(score_image(protocol, item, sr, more).finished(protocol.name))
    for notice in pictures.notices():
        say(notice)
    return scores


def _picture(path: Path, root: Path) -> _Picture:
    folders = path.relative_to(root).parent.parts
    told = [match for part in (*folders, path.stem) for match in _SCALE.findall(part)]
    scales = frozenset(float(before or behind) for before, behind in told)
    return _Picture(path, tuple(part.lower() for part in folders), scales)
