"""Where scripts that profile a step look for :func:`build`."""

from igconv_sr.measure.nets import build as build
