"""Photographs inside the scikit-image package: public domain, CC0 or without known restrictions.

Their origins stand in the docstrings of ``skimage.data``.
"""

from pathlib import Path

import skimage.data

_FOLDER = Path(skimage.data.__file__).parent

TRAINING_PHOTOGRAPHS = tuple(
    _FOLDER / name for name in ("astronaut.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png", "retina.jpg")
)
VALIDATION_PHOTOGRAPHS = (_FOLDER / "chelsea.png", _FOLDER / "rocket.jpg")
