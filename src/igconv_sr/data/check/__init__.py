"""``igconv-sr data check``: what is wrong with data sets, and what to do about it."""
