"""Where scripts look for :func:`build`."""

from igconv_sr.weights.released.official import build as build
