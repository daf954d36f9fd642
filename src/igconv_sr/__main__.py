"""``python -m igconv_sr`` is ``igconv-sr``."""

from igconv_sr.cli import main

main()
