"""Which files a data set has. Imports neither torch nor Lightning."""
