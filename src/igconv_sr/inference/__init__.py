"""A model run on images of any size: whole, in tiles, or as the mean over flips and turns."""
