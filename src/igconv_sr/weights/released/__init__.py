"""The layout of the authors' releases: keys, buffers and shapes of their weights."""
