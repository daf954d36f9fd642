"""``igconv-sr compare``: two runs side by side, image by image."""
