"""Files of pictures and their pixels, read and written with all that a picture has to keep."""
