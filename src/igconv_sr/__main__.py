"""``python -m igconv_sr`` is ``igconv-sr``."""

from igconv_sr.commands.cli import main

main()
