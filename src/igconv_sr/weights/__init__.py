"""Files of weights: which network they hold, ours and the authors', and those that come with the package."""
