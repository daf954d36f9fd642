"""Files of pictures and their pixels, read and written with all that a picture has to keep."""

IMAGE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".jp2"),
    *(".ppm", ".pgm", ".tga"),
)
"""Of the files of a folder that are taken, in lower case: all that Pillow reads without further libraries and that hold
photographs. The content then says what a file is."""
