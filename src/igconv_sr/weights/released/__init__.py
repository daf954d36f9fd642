"""The layout of the authors' releases: for each encoder a module with the keys, buffers and shapes of its files."""

from igconv_sr.weights.released import atd, edsr, hat, hit_srf, mambair, plksr, rcan, rdn, smfanet, srformer, swinir
from igconv_sr.weights.released.base import Layout

_ENCODERS = (atd, edsr, hat, hit_srf, mambair, plksr, rcan, rdn, smfanet, srformer, swinir)
LAYOUTS: dict[str, Layout] = {encoder.LAYOUT.name: encoder.LAYOUT for encoder in _ENCODERS}
"""By the encoder's name in a reference file's ``meta``."""
