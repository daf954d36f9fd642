"""Data sets on disk: from a catalogue of archives to folders of images. Imports neither torch nor Lightning."""
