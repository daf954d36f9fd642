"""Multi-scale image super-resolution with Implicit Grid Convolution."""
