"""Sweeps: sets of trainings, each named by a hash of what determines its numbers, that can be stopped and resumed."""
