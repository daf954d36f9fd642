"""Hydra finds its plug-ins in packages of this namespace only; the work is done in :mod:`igconv_sr.sweep`."""
