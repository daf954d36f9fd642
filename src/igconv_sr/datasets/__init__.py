"""Data sets on disk: how they get there and what lies where. Imports neither torch nor Lightning."""
