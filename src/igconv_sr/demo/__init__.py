"""A page on this machine: drop a picture, choose a scale, compare the model with bicubic interpolation."""
