"""Data sets on disk: what lies where, by names alone. Nothing in here imports torch."""
